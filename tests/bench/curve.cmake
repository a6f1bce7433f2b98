# SPDX-License-Identifier: Apache-2.0
# Benchmarks of curves: cleaning of long ones, extrapolation on the development set, forecasts of runs in flight.
sextant_add_bench(curve_extrapolation_bench curve_extrapolation_bench.cc curve_dev_set.cc curve_dev_shapes.cc
  curve_public_series.cc LINK sextant_curve)
sextant_add_bench(curve_clean_bench curve_clean_bench.cc LINK sextant_curve)
sextant_add_bench(curve_forecast_bench curve_forecast_bench.cc curve_runs.cc LINK sextant_curve)
sextant_add_bench(curve_critical_bench curve_critical_bench.cc curve_runs.cc LINK sextant_critical_batch)
sextant_add_bench(curve_families_bench curve_families_bench.cc curve_families.cc curve_runs.cc curve_dev_set.cc
  curve_dev_shapes.cc curve_public_series.cc LINK sextant_curve)
sextant_add_bench(forecast_families_bench forecast_families_bench.cc curve_runs.cc LINK sextant_curve)
