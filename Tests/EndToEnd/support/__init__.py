# rtbridge: what the tests with real processes share.
# SPDX-License-Identifier: Apache-2.0
