// rtbridge: TLS 1.3 for rtbridge-load: never resumed, so that every handshake is a full one.
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <string.h>

#include "load.h"

static SSL_CTX *context;

const char *tls_error(void) {
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    return reason ? reason : "the connection was closed";
}

void prepare_tls(void) {
    context = SSL_CTX_new(TLS_client_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)) fail("OpenSSL: %s", tls_error());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (options.ca_file) {
        if (!SSL_CTX_load_verify_file(context, options.ca_file)) fail("--ca %s: no certificates in PEM", options.ca_file);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    if (!options.alpn) return;
    uint8_t list[256];
    size_t length = strlen(options.alpn);
    list[0] = (uint8_t)length;
    memcpy(list + 1, options.alpn, length);
    if (SSL_CTX_set_alpn_protos(context, list, (unsigned)length + 1)) fail("--alpn: %s", tls_error());
}

SSL *new_tls(int fd) {
    SSL *ssl = SSL_new(context);
    if (!ssl || !SSL_set_fd(ssl, fd)) fail("OpenSSL: %s", tls_error());
    // RFC 6066 §3: an address is no server name.
    int is_address = strspn(options.host, "0123456789.") == strlen(options.host) || strchr(options.host, ':');
    if (!is_address) SSL_set_tlsext_host_name(ssl, options.host);
    if (options.ca_file && !is_address) SSL_set1_host(ssl, options.host);
    if (options.ca_file && is_address) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), options.host);
    SSL_set_connect_state(ssl);
    return ssl;
}
