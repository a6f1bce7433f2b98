// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/plot_output.h"

#include <cstdio>
#include <cstring>

#include "base/whole_file.h"
#include "clients/cli/chart/svg.h"
#include "clients/cli/chart/terminal.h"
#include "clients/cli/output/records.h"

namespace sextant::cli {

void AddPlotOptions(CLI::App* command, const std::string& what, PlotOptions* options) {
  command->add_flag("--plot", options->plot, "draw " + what + " in the terminal");
  command
      ->add_option("--svg", options->svg, "draw " + what + " into this file; one that is there is replaced")
      ->type_name("FILE");
}

int CheckPlotOptions(const Session& session, const PlotOptions& options) {
  if (!options.plot || session.globals().output == OutputFormat::kTable) return kExitOk;
  return session.FailUsage("--plot draws for people, -o writes for programs",
                           "leave one of them out, or write a file with --svg FILE");
}

int PutCharts(const Session& session, const PlotOptions& options, const std::vector<chart::Chart>& charts) {
  if (options.plot) {
    chart::TerminalLook look;
    look.width = chart::TerminalWidth();
    look.color = session.color_stdout();
    bool first = true;
    for (const chart::Chart& each : charts) {
      const std::string text = (first ? "" : "\n") + chart::RenderText(each, look);
      std::fwrite(text.data(), 1, text.size(), stdout);
      first = false;
    }
    if (const int code = FlushStdout(session); code != kExitOk) return code;
  }
  if (options.svg.empty()) return kExitOk;
  WholeFile file(options.svg, Existing::kReplace);
  file.Write(chart::RenderSvg(charts));
  if (!file.Publish()) {
    return session.FailLocal("cannot write " + Safe(options.svg) + ": " + std::strerror(file.error()));
  }
  session.Note("wrote " + Safe(options.svg));
  return kExitOk;
}

}  // namespace sextant::cli
