# SPDX-License-Identifier: Apache-2.0
sextant_add_bench(optimum_excess_bench optimum_excess_bench.cc LINK sextant_fitting_optimum fmt::fmt)
find_package(TBB REQUIRED)
sextant_add_bench(optimum_synthetic_bench optimum_synthetic_bench.cc
  LINK sextant_fitting_optimum TBB::tbb fmt::fmt)
sextant_add_bench(optimum_generalization_bench optimum_generalization_bench.cc optimum_choice.cc
  optimum_recorded_studies.cc optimum_synthetic_studies.cc LINK sextant_fitting_optimum TBB::tbb fmt::fmt)
sextant_add_bench(loop_bench loop_bench.cc LINK sextant_design sextant_fitting_optimum fmt::fmt)
