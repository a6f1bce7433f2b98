// SPDX-License-Identifier: Apache-2.0
// sextant runs watch: where a run in flight will end, as its curve comes in.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/forecast_columns.h"
#include "clients/cli/embedded.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "sextant/v1/forecast_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::ForecastService;
using v1::RunOutlook;

struct WatchFlags {
  std::string study, run, forecast;
  std::optional<double> interval, every, total_steps;
  bool once = false;
};

std::string WatchedState(const RunOutlook& outlook) {
  switch (outlook.state()) {
    case v1::RUNNING:
      return "running";
    case v1::FINISHED:
      return "finished";
    case v1::DIVERGED:
      return "diverged";
    case v1::CRASHED:
      return "crashed";
    default:
      return "unknown";
  }
}

std::string AlertKinds(const RunOutlook& outlook) {
  std::string kinds;
  for (const v1::RunAlert& alert : outlook.alerts()) kinds += (kinds.empty() ? "" : " ") + alert.kind();
  return kinds;
}

std::string OutlookLine(const RunOutlook& outlook) {
  std::string line = fmt::format("{}  step {}", WatchedState(outlook), FormatNumber(outlook.step(), 9));
  if (outlook.share_done() > 0) line += fmt::format(" ({:.0f} %)", 100 * outlook.share_done());
  if (outlook.has_last_loss()) line += "  loss " + FormatNumber(outlook.last_loss(), 5);
  if (outlook.has_loss()) {
    line += outlook.state() == v1::FINISHED ? "  ended at " : "  will end at ";
    line += QuantityText(true, outlook.loss(), false);
  }
  if (outlook.has_forecast_loss()) line += "  forecast " + QuantityText(true, outlook.forecast_loss(), false);
  if (!outlook.waiting().empty()) line += "  " + outlook.waiting();
  line += "\n";
  for (const v1::RunAlert& alert : outlook.alerts())
    line += "  ALERT " + alert.kind() + ": " + alert.text() + "\n";
  return line;
}

std::vector<std::string> OutlookCells(const RunOutlook& outlook) {
  const auto text = [](bool has, double value) { return has ? FormatRoundTrip(value) : std::string(); };
  const v1::Quantity& loss = outlook.loss();
  return {WatchedState(outlook),
          FormatRoundTrip(outlook.step()),
          FormatRoundTrip(outlook.share_done()),
          text(outlook.has_last_loss(), outlook.last_loss()),
          text(outlook.has_loss(), loss.value()),
          text(loss.has_low(), loss.low()),
          text(loss.has_high(), loss.high()),
          AlertKinds(outlook)};
}

class OutlookPrinter {
 public:
  OutlookPrinter(const Session& session, bool single) : session_(session), single_(single) {}

  /// Each as it comes. One record alone is an object in JSON, several are one a line.
  int Put(const RunOutlook& outlook) {
    const OutputFormat format = session_.globals().output;
    std::string out;
    if (WantsJson(session_)) {
      out = ToJson(outlook, single_ && format == OutputFormat::kJson, session_.globals().fields) + "\n";
    } else if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
      const char delimiter = format == OutputFormat::kTsv ? '\t' : ',';
      if (!begun_) {
        out = DelimitedLine({"state", "step", "share_done", "last_loss", "end_loss", "end_loss_low",
                             "end_loss_high", "alerts"},
                            delimiter);
      }
      out += DelimitedLine(OutlookCells(outlook), delimiter);
    } else {
      out = SafeLines(OutlookLine(outlook));
    }
    if (!begun_) {
      for (const std::string& warning : outlook.warnings()) session_.Note(Safe(warning));
    }
    begun_ = true;
    std::fwrite(out.data(), 1, out.size(), stdout);
    return FlushStdout(session_);
  }

 private:
  const Session& session_;
  const bool single_;
  bool begun_ = false;
};

/// Reads the stream to its end. `last` is what came last.
grpc::Status ReadOutlooks(const Session& session, const std::shared_ptr<grpc::Channel>& channel,
                          const v1::WatchRunRequest& request, OutlookPrinter* printer, int* printed,
                          RunOutlook* last) {
  const auto stub = ForecastService::NewStub(channel);
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  const auto stream = stub->WatchRun(&context, request);
  RunOutlook outlook;
  while (stream->Read(&outlook)) {
    if (printer != nullptr && *printed == kExitOk) *printed = printer->Put(outlook);
    *last = outlook;
    if (*printed != kExitOk) context.TryCancel();  // nobody reads what is printed any more
  }
  return stream->Finish();
}

/// Sleeps, less long once a signal has come.
void PauseFor(double seconds) {
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;
  const InterruptScope scope([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    wake.notify_all();
  });
  std::unique_lock lock(mutex);
  wake.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return stop || Interrupted(); });
}

/// The database file is read without its lock, and opened anew for each look, so that whoever writes the run,
/// a server or an import, is not in the way and is not hindered.
int WatchFile(const Session& session, v1::WatchRunRequest request, double every, bool once) {
  constexpr double kPatience = 10;  // seconds in which the file may be taken away, or be changing
  request.set_once(true);
  request.clear_every_seconds();
  OutlookPrinter printer(session, once);
  std::string printed_last;
  double missing = 0;
  bool seen = false;
  while (!Interrupted()) {
    {
      const auto look = EmbeddedServer::Open(session.database(), true);
      const absl::Status opened = look.status();
      if (opened.ok()) {
        RunOutlook outlook;
        int printed = kExitOk;
        const grpc::Status status =
            ReadOutlooks(session, (*look)->channel(), request, nullptr, &printed, &outlook);
        if (!status.ok()) return session.FailServer(status);
        const std::string text = outlook.SerializeAsString();
        if (text != printed_last) {
          if (const int code = printer.Put(outlook); code != kExitOk) return code;
          printed_last = text;
        }
        if (once || outlook.state() != v1::RUNNING) return kExitOk;
        missing = 0;
        seen = true;
      } else if (!seen || missing >= kPatience) {
        return session.Fail(FromLocal(opened, AdviceForOpening(opened)));
      } else {
        missing += every;
      }
    }
    PauseFor(every);
  }
  return session.FailServer(grpc::Status::CANCELLED);
}

int RunWatchRun(Session& session, const WatchFlags& flags) {
  v1::WatchRunRequest request;
  request.set_name(ChildName("runs", flags.study, flags.run));
  if (request.name().empty()) {
    return session.FailUsage("which study is run '" + Safe(flags.run) + "' in?",
                             "give --study ID, or the run as STUDY/RUN or studies/STUDY/runs/RUN");
  }
  if (!flags.forecast.empty()) {
    const std::string& name = request.name();
    const std::string study = name.substr(8, name.find('/', 8) - 8);
    request.set_forecast(ChildName("forecasts", study, flags.forecast));
    if (request.forecast().empty()) return session.FailUsage("'" + Safe(flags.forecast) + "' is no forecast");
  }
  if (flags.interval) request.set_interval(*flags.interval);
  if (flags.total_steps) request.set_total_steps(*flags.total_steps);
  if (flags.every) request.set_every_seconds(*flags.every);
  request.set_once(flags.once);
  constexpr double kEvery = 2;
  if (session.globals().server.empty()) {
    const double every = flags.every.value_or(kEvery);
    if (!(every >= 0.1 && every <= 3600)) return session.FailUsage("--every is 0.1 to 3600 seconds");
    return WatchFile(session, request, every, flags.once);
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  OutlookPrinter printer(session, flags.once);
  int printed = kExitOk;
  RunOutlook last;
  const grpc::Status status = ReadOutlooks(session, session.channel(), request, &printer, &printed, &last);
  if (printed != kExitOk) return printed;
  return status.ok() ? kExitOk : session.FailServer(status);
}

}  // namespace

void AddRunsWatch(CommandTree& tree) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* command = tree.AddCommand(
      tree.Noun("runs"), "watch", "follow a run in flight: where it will end, with alerts",
      {"sextant runs watch big-run-1 --study mine", "sextant runs watch mine/big-run-1 --forecast big-run",
       "sextant runs watch mine/big-run-1 --once -o json"});
  command->add_option("RUN", flags->run, "its id with --study, or STUDY/RUN")->required();
  command->add_option("--study", flags->study, "the study")->type_name("ID");
  command
      ->add_option("--forecast", flags->forecast,
                   "a forecast of the study: an alert when the run leaves its interval of the loss")
      ->type_name("FORECAST");
  command->add_flag("--once", flags->once, "print how it stands, and leave");
  AddNumber(command, "--every", &flags->every, "seconds between two looks [2]");
  AddNumber(command, "--interval", &flags->interval, "coverage of the interval [0.9]");
  AddNumber(command, "--total-steps", &flags->total_steps,
            "steps of the whole run, where it does not record them");
  tree.SetRun(command, [flags](Session& session) { return RunWatchRun(session, *flags); });
}

}  // namespace sextant::cli
