// rtbridge: OpenSSL's macros as functions that Swift can see.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_COPENSSL_H
#define RTBRIDGE_COPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#endif
