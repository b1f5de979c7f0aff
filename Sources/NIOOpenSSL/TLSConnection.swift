// rtbridge: one side of one TLS connection, without a channel.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore

/// An `SSL *` between two ByteBuffers: ciphertext is given and taken through ``bio``, plaintext through ``seal(_:)`` and
/// ``open(into:)``. Knows nothing of channels.
final class TLSConnection {
    enum OnHandshake: Equatable { case complete, needsBytes, failed(TLSError) }
    enum OnSealed: Equatable { case sealed, needsBytes, failed(TLSError) }
    enum OnOpened: Equatable {
        /// The buffer is full; there may be more.
        case full
        /// All that came is opened.
        case needsBytes
        /// The peer said close_notify: nothing follows.
        case closed
        case failed(TLSError)
    }

    /// State changes and alerts of OpenSSL that a peer may cause after the handshake without sending application data in
    /// between. Each KeyUpdate makes about five and costs this side two key derivations and, like a refused renegotiation,
    /// an answer that must be kept if the peer does not read. So fifty in a row are a flood.
    static let maximumControlEvents = 256
    /// What a record adds to its plaintext: header 5, content type 1, tag 16, and 8 of TLS 1.2's explicit nonce.
    static let recordOverhead = 32
    /// The most ciphertext in one buffer, 15 full records; a ByteBuffer's capacity is a power of two.
    static let maximumOutbound = 256 * 1024
    /// RFC 8446 §5.1: "The length MUST NOT exceed 2^14 bytes."
    static let maximumRecordPlaintext = 16384

    /// `SSL *`.
    let ssl: OpaquePointer
    let bio = ByteBufferBIO()
    /// Keeps what OpenSSL's callbacks point to.
    private let context: TLSContext
    private let serverName: String?

    /// Of ``TLSBuffers``: whether its owner's place is worth keeping.
    var hasReadOfLate = false
    /// Whether OpenSSL keeps the record buffers from one record to the next.
    var keepsBuffers = false {
        didSet { COpenSSL_SSL_keep_buffers(ssl, keepsBuffers ? 1 : 0) }
    }
    private var isEstablished = false
    private var controlEvents = 0
    private var peerAlert: String?
    /// Of a client: whether the server sent a CertificateRequest.
    private var isAskedForCertificate = false
    /// The names in a certificate that was refused, which OpenSSL does not keep.
    private var refusedNames: [String] = []

    /// - Parameter serverName: for clients: the name or address that is asked for and that the certificate must have.
    init(_ context: TLSContext, serverName: String?) throws(TLSError) {
        ErrorQueue.clear()
        guard let ssl = SSL_new(context.pointer) else {
            throw TLSError(.configuration, "no connection could be made (\(ErrorQueue.drainText(or: "out of memory")))")
        }
        guard let end = bio.makeBIO() else {
            SSL_free(ssl)
            throw TLSError(.configuration, "no connection could be made (out of memory)")
        }
        self.ssl = ssl
        self.context = context
        self.serverName = serverName
        // One BIO for both ways takes one reference (SSL_set_bio(3)).
        SSL_set_bio(ssl, end, end)
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_info_callback(ssl) { ssl, event, value in
            guard let connection = SSL_get_ex_data(ssl, 0) else { return }
            Unmanaged<TLSConnection>.fromOpaque(connection).takeUnretainedValue().note(event, value)
        }
        switch context.side {
        case .server: SSL_set_accept_state(ssl)
        case .client:
            SSL_set_connect_state(ssl)
            try expect(serverName)
        }
    }

    deinit { SSL_free(ssl) }

    /// RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"", so they are verified, not sent.
    private func expect(_ name: String?) throws(TLSError) {
        guard let name else {
            if context.verification == .none { return }
            throw TLSError(.configuration, "full verification needs the server's name; give one, or verify nothing")
        }
        let parameters = SSL_get0_param(ssl)
        if HostName.isAddress(name) {
            X509_VERIFY_PARAM_set1_ip_asc(parameters, name)
            return
        }
        // A trailing dot roots the name; it is no part of it in SNI (RFC 6066 §3) nor in certificates.
        let host = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard HostName.isDNSName(host), COpenSSL_SSL_set_tlsext_host_name(ssl, host) == 1 else {
            throw TLSError(.configuration, "the server name \"\(name)\" is neither a DNS name nor an IP address")
        }
        // RFC 9525 §6.3: `*` is the whole first label, and the subject's common name is no name to verify.
        let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(flags))
        X509_VERIFY_PARAM_set1_host(parameters, host, host.utf8.count)
    }

    private static func text(ofAlert value: Int32) -> String? {
        // OpenSSL's table of texts ends before this one of TLS 1.3.
        if value & 0xFF == SSL_AD_CERTIFICATE_REQUIRED { return "certificate required" }
        return SSL_alert_desc_string_long(value).map { String(cString: $0) }
    }

    /// OpenSSL's account of alerts and, after the handshake, of each message of a handshake.
    private func note(_ event: Int32, _ value: Int32) {
        // The level stands above the description; a warning ends nothing.
        if event & SSL_CB_READ_ALERT == SSL_CB_READ_ALERT, value >> 8 == SSL3_AL_FATAL {
            peerAlert = Self.text(ofAlert: value)
        }
        if context.side == .client, !isEstablished, SSL_get_state(ssl) == TLS_ST_CR_CERT_REQ {
            isAskedForCertificate = true
        }
        guard isEstablished, event & (SSL_CB_LOOP | SSL_CB_ALERT) != 0 else { return }
        controlEvents += 1
        if controlEvents > Self.maximumControlEvents { bio.isInboundHeld = true }
    }
}

// MARK: - Handshake

extension TLSConnection {
    func handshake() -> OnHandshake {
        ErrorQueue.clear()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isEstablished = true
            bio.markInbound()
            return .complete
        }
        if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .needsBytes }
        return .failed(handshakeError())
    }

    /// What was agreed on, once the handshake is complete.
    func agreement() -> TLSHandshakeCompleted {
        var alpn: UnsafePointer<UInt8>?
        var alpnCount: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &alpn, &alpnCount)
        let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
        return TLSHandshakeCompleted(
            alpn: alpn.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(alpnCount)), as: UTF8.self) },
            serverName: name,
            version: String(cString: SSL_get_version(ssl)),
            cipher: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } ?? "",
            isResumed: SSL_session_reused(ssl) == 1)
    }

    private func handshakeError() -> TLSError {
        let entries = ErrorQueue.drain()
        if entries.contains(where: { $0.library == ERR_LIB_SSL && $0.reason == SSL_R_CERTIFICATE_VERIFY_FAILED }) {
            return verificationError(SSL_get_verify_result(ssl))
        }
        let reason = entries.isEmpty ? "the peer broke the protocol" : ErrorQueue.text(of: entries)
        return noteCertificate(TLSError(.handshakeFailed, Hint.add(to: reason, entries), peerAlert: peerAlert))
    }

    private func noteCertificate(_ error: TLSError) -> TLSError {
        var error = error
        error.isForWantOfCertificate = isAskedForCertificate && !context.hasCredentials && peerAlert != nil
        return error
    }

    private func verificationError(_ result: Int) -> TLSError {
        let reason = String(cString: X509_verify_cert_error_string(result))
        let name = serverName ?? "the server"
        switch Int32(result) {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = refusedNames.isEmpty ? "no name" : refusedNames.joined(separator: ", ")
            return refusal("\(reason): the certificate is not for \(name); it has \(names)", .name)
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return refusal(
                "\(reason): no trusted root signed the certificate of \(name); trust its CA, "
                    + "and have the server send its intermediates", .untrusted)
        default: return refusal("\(reason): the certificate of \(name)", .other)
        }
    }

    private func refusal(_ reason: String, _ problem: TLSError.CertificateProblem) -> TLSError {
        var error = TLSError(.certificateVerification, reason)
        error.certificateProblem = problem
        return error
    }

    /// Notes what is in a certificate that is refused; decides nothing.
    static let noteRefusal: SSL_verify_cb = { isAccepted, verification in
        guard isAccepted == 0,
            let ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let connection = SSL_get_ex_data(OpaquePointer(ssl), 0),
            let certificate = X509_STORE_CTX_get0_cert(verification)
        else { return isAccepted }
        let names = SubjectNames.of(certificate)
        Unmanaged<TLSConnection>.fromOpaque(connection).takeUnretainedValue().refusedNames = names
        return isAccepted
    }
}

// MARK: - Application data

extension TLSConnection {
    /// How much plaintext the ciphertext at hand can hold at most.
    var plaintextBound: Int { bio.inboundBytes + bio.bytesTaken }

    /// Opens what came, up to the room in `plaintext`, which must not be empty.
    func open(into plaintext: inout ByteBuffer) -> OnOpened {
        while plaintext.writableBytes > 0 {
            var count = 0
            let result = plaintext.withUnsafeMutableWritableBytes { SSL_read_ex(ssl, $0.baseAddress, $0.count, &count) }
            guard result == 1 else { return stopped(result) }
            plaintext.moveWriterIndex(forwardBy: count)
            controlEvents = 0
            // The rest of a record that did not fit; where there is room, there is none.
            if plaintext.writableBytes == 0, SSL_pending(ssl) > 0 { return .full }
            bio.markInbound()
            if bio.inboundBytes == 0 { return .needsBytes }
        }
        return .full
    }

    /// Why nothing more can be opened, or sealed. The queue of errors is looked at here rather than cleared before each
    /// record: what is in it may be another's, and is then no failure of this connection.
    private func stopped(_ result: Int32) -> OnOpened {
        if controlEvents > Self.maximumControlEvents { return .failed(floodError()) }
        let entries = ErrorQueue.drain()
        // With an empty queue SSL_get_error(3) may take a failure for a wait or for the peer's close_notify.
        if !entries.isEmpty, hasFailed { return .failed(violation(entries)) }
        let cause = SSL_get_error(ssl, result)
        if cause == SSL_ERROR_WANT_READ { return .needsBytes }
        if cause == SSL_ERROR_ZERO_RETURN { return .closed }
        return .failed(violation(entries))
    }

    /// SSL_state_string(3) has six letters for each state; these are the ones for good.
    private var hasFailed: Bool { String(cString: SSL_state_string(ssl)) == "SSLERR" }

    /// Appends `bytes`, in records of up to 16 KiB, to what there is to send. All or nothing.
    func seal(_ bytes: UnsafeRawBufferPointer) -> OnSealed {
        var written = 0
        let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &written)
        if result == 1 { return .sealed }
        switch stopped(result) {
        // A post-handshake message came in half: OpenSSL wants the rest before it writes.
        case .needsBytes: return .needsBytes
        case .failed(let error): return .failed(error)
        case .full, .closed: return .failed(violation([]))
        }
    }

    /// Appends a close_notify to what there is to send. False where OpenSSL is in the middle of a handshake.
    func closeNotify() -> Bool {
        ErrorQueue.clear()
        let result = SSL_shutdown(ssl)
        ErrorQueue.clear()
        return result >= 0
    }

    private func violation(_ entries: [ErrorQueue.Entry]) -> TLSError {
        let reason = entries.isEmpty ? "the connection cannot be used any more" : ErrorQueue.text(of: entries)
        return noteCertificate(
            TLSError(peerAlert == nil ? .protocolViolation : .alertReceived, reason, peerAlert: peerAlert))
    }

    private func floodError() -> TLSError {
        TLSError(.protocolViolation, "a flood of handshake messages without application data between them")
    }
}

@available(*, unavailable)
extension TLSConnection: Sendable {}
