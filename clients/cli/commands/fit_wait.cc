// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/fit_wait.h"

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/fit_print.h"
#include "clients/cli/upload/waiting.h"
#include "sextant/v1/fit_service.grpc.pb.h"

namespace sextant::cli {
namespace {

// After Ctrl-C: stops the fit where it runs.
int AbandonFit(Session& session, const std::string& name) {
  v1::CancelFitRequest request;
  request.set_name(name);
  v1::Fit cancelled;
  const bool stopped = session.TryCall(&v1::FitService::Stub::CancelFit, request, &cancelled).ok();
  session.Note(stopped ? "interrupted: the fit was cancelled" : "interrupted");
  return kExitInterrupted;
}

}  // namespace

grpc::Status WatchToEnd(Session& session, const std::string& name, v1::Fit* fit) {
  const auto stub = v1::FitService::NewStub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  v1::WatchFitRequest request;
  request.set_name(name);
  const auto stream = stub->WatchFit(&context, request);
  const std::string what = "fitting " + (fit->law().empty() ? IdOf(name) : fit->law());
  Waiting waiting(session, what);
  bool told = false;
  while (stream->Read(fit)) {
    if (fit->state() == v1::FIT_RUNNING && !fit->parameters().empty() && !told) {
      told = true;
      const std::string answer =
          "meanwhile, by " + Safe(fit->estimator()) + ": " + Safe(ParameterLine(*fit)) + " (provisional)";
      session.progress_wanted() ? session.Note(answer) : session.Detail(answer);
    }
    if (!fit->has_progress()) {
      session.Detail(Safe(name) + ": " + FitStateWord(fit->state()));
      continue;
    }
    const std::string stage = FitStageText(fit->progress());
    waiting.Say(what + ": " + stage);
    session.Detail(Safe(name) + ": " + stage);
  }
  return stream->Finish();
}

int FailUnlessSucceeded(Session& session, const v1::Fit& fit) {
  if (fit.state() == v1::FIT_SUCCEEDED) return kExitOk;
  if (fit.state() == v1::FIT_CANCELLED) {
    return session.Fail(
        {kExitServerBase + grpc::StatusCode::CANCELLED, Safe(fit.name()) + " was cancelled", {}, ""});
  }
  Failure failure = FromFitError(fit.error().code(), fit.error().reason(), fit.error().message());
  failure.what = Safe(fit.law()) + ": " + failure.what;
  return session.Fail(failure);
}

int MakeFit(Session& session, const v1::CreateFitRequest& request, v1::Fit* fit) {
  if (const int code = session.Call(&v1::FitService::Stub::CreateFit, request, fit); code != kExitOk)
    return code;
  const std::string name = fit->name();
  if (fit->state() == v1::FIT_RUNNING && !Interrupted()) {
    const grpc::Status status = WatchToEnd(session, name, fit);
    if (!status.ok() && !Interrupted()) return session.FailServer(status);
  }
  return Interrupted() ? AbandonFit(session, name) : FailUnlessSucceeded(session, *fit);
}

}  // namespace sextant::cli
