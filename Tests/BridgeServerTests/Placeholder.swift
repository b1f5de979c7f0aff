// rtbridge: to be filled.
// SPDX-License-Identifier: Apache-2.0
