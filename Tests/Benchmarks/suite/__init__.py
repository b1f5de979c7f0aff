# rtbridge: what the benchmarks are made of.
# SPDX-License-Identifier: Apache-2.0
