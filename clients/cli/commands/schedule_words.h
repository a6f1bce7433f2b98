// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules as the command line spells them.
#pragma once

#include <string>

#include "clients/cli/session.h"
#include "sextant/v1/law_service.pb.h"

namespace sextant::cli {

inline constexpr char kScheduleForm[] =
    "SHAPE:peak=RATE,steps=N[,final=RATE][,warmup=N][,decay=SHARE][,at=STEP@RATE…]";

/// "wsd:peak=3e-4,steps=24000,warmup=2160,final=3e-5,decay=0.2", "step:peak=3e-4,steps=16000,at=8000@9e-5",
/// "power:peak=0.02,steps=1e5,scale=4,exponent=-0.51". A usage error is printed.
int ReadSchedule(const Session& session, const std::string& text, v1::LearningRateSchedule* schedule);
/// The same form back.
std::string ScheduleText(const v1::LearningRateSchedule& schedule);

}  // namespace sextant::cli
