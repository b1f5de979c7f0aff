// rtbridge: what all connections of a listener or a back-end have in common.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// Certificates, ciphers and protocols that any number of connections, on any event loop, share.
///
/// Safety: `init` sets everything; afterwards `SSL_new` reads it, which OpenSSL allows from several threads at once
/// (openssl-threads(7)): reference counts are atomic, and the session cache, the one part that is written, is off.
public final class TLSContext: @unchecked Sendable {
    enum Side { case server, client }

    let side: Side
    /// `SSL_CTX *`.
    let pointer: OpaquePointer
    let verification: TLSClientOptions.Verification
    /// Whether there is a certificate to show.
    let hasCredentials: Bool
    /// The protocols to choose from, each with its length before it (RFC 7301 §3.1). OpenSSL's answer points into it.
    private let alpn: UnsafeMutableBufferPointer<UInt8>

    /// Makes a context for servers.
    /// - Throws: a ``TLSError/Kind/configuration`` error that names the option and how to mend it.
    public static func server(_ options: TLSServerOptions) throws(TLSError) -> TLSContext {
        guard !options.credentials.isEmpty else {
            throw TLSError(.configuration, "a TLS server needs a certificate and its key")
        }
        let context = try TLSContext(
            .server, options.minimumVersion, options.alpn, verification: .none, hasCredentials: true)
        try context.use(options.credentials)
        try context.setCipherSuites(options.cipherSuites)
        try context.setGroups(options.groups)
        context.setServerBehaviour(sessionTickets: options.sessionTickets)
        return context
    }

    /// Makes a context for clients.
    /// - Throws: a ``TLSError/Kind/configuration`` error that names the file or option and how to mend it.
    public static func client(_ options: TLSClientOptions) throws(TLSError) -> TLSContext {
        let context = try TLSContext(
            .client, options.minimumVersion, options.alpn, verification: options.verification,
            hasCredentials: options.credentials != nil)
        if let credentials = options.credentials { try context.use([credentials]) }
        try context.setCipherSuites(nil)
        try context.setGroups(nil)
        try context.setClientBehaviour(options)
        return context
    }

    private init(
        _ side: Side, _ minimumVersion: TLSVersion, _ protocols: [String],
        verification: TLSClientOptions.Verification, hasCredentials: Bool
    ) throws(TLSError) {
        let wire = try Self.alpnList(protocols)
        COpenSSL_start()
        ErrorQueue.clear()
        guard let pointer = SSL_CTX_new(side == .server ? TLS_server_method() : TLS_client_method()) else {
            throw TLSError(.configuration, "OpenSSL cannot start (\(ErrorQueue.drainText(or: "out of memory")))")
        }
        self.side = side
        self.pointer = pointer
        self.verification = verification
        self.hasCredentials = hasCredentials
        alpn = .allocate(capacity: wire.count)
        _ = alpn.initialize(from: wire)
        setBothSides(minimumVersion)
    }

    deinit {
        SSL_CTX_free(pointer)
        alpn.deallocate()
    }
}

// MARK: - Behaviour

extension TLSContext {
    private func setBothSides(_ minimumVersion: TLSVersion) {
        let version =
            switch minimumVersion {
            case .tls12: TLS1_2_VERSION
            case .tls13: TLS1_3_VERSION
            }
        _ = COpenSSL_SSL_CTX_set_min_proto_version(pointer, version)
        // RELEASE_BUFFERS: an idle connection gives back 34 KiB. MOVING_WRITE_BUFFER: a write that must be tried again
        // may come from another address.
        _ = COpenSSL_SSL_CTX_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
        // One read a record instead of two; never more than that (ByteBufferBIO).
        COpenSSL_SSL_CTX_set_read_ahead(pointer, 1)
        SSL_CTX_set_options(pointer, COpenSSL_SSL_OP_NO_RENEGOTIATION | COpenSSL_SSL_OP_NO_COMPRESSION)
        // Sessions live in tickets alone: no shared table, no lock.
        _ = COpenSSL_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
    }

    private func setServerBehaviour(sessionTickets: Bool) {
        // The server's order decides, save that a client that puts ChaCha20 first (no AES in hardware) gets it.
        SSL_CTX_set_options(pointer, COpenSSL_SSL_OP_CIPHER_SERVER_PREFERENCE | COpenSSL_SSL_OP_PRIORITIZE_CHACHA)
        if !sessionTickets {
            SSL_CTX_set_options(pointer, COpenSSL_SSL_OP_NO_TICKET)
            SSL_CTX_set_num_tickets(pointer, 0)
        }
        // Without an answer OpenSSL forgets the name of a TLS 1.2 session.
        COpenSSL_SSL_CTX_set_tlsext_servername_callback(pointer) { _, _, _ in SSL_TLSEXT_ERR_OK }
        guard !alpn.isEmpty else { return }
        SSL_CTX_set_alpn_select_cb(
            pointer,
            { _, chosen, chosenCount, offered, offeredCount, context in
                guard let context else { return SSL_TLSEXT_ERR_NOACK }
                let alpn = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue().alpn
                var choice: UnsafeMutablePointer<UInt8>?
                let outcome = SSL_select_next_proto(
                    &choice, chosenCount, alpn.baseAddress, UInt32(alpn.count), offered, offeredCount)
                // RFC 7301 §3.2: "In the event that the server supports no protocols that the client advertises, then
                // the server SHALL respond with a fatal "no_application_protocol" alert."
                guard outcome == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                chosen?.pointee = UnsafePointer(choice)
                return SSL_TLSEXT_ERR_OK
            },
            Unmanaged.passUnretained(self).toOpaque())
    }

    private func setClientBehaviour(_ options: TLSClientOptions) throws(TLSError) {
        if !alpn.isEmpty { SSL_CTX_set_alpn_protos(pointer, alpn.baseAddress, UInt32(alpn.count)) }
        switch options.verification {
        case .none: SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
        case .full:
            SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, TLSConnection.noteRefusal)
            try setTrust(options.trust)
        }
    }

    private func setTrust(_ trust: TLSClientOptions.Trust) throws(TLSError) {
        switch trust {
        case .system: SSL_CTX_set_default_verify_paths(pointer)
        case .file(let path): try addRoots(ReadFile.bytes(of: path), path)
        case .pem(let text): try addRoots(text.utf8, nil)
        }
    }

    private func addRoots(_ pem: some Collection<UInt8>, _ path: String?) throws(TLSError) {
        let roots: [OpaquePointer]
        do { roots = try PEM.certificates(in: pem) } catch {
            throw TLSError(.configuration, error.reason, path: path)
        }
        // What is named is trusted, be it a root, an intermediate or the server's own certificate.
        X509_STORE_set_flags(SSL_CTX_get_cert_store(pointer), UInt(X509_V_FLAG_PARTIAL_CHAIN))
        for root in roots {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(pointer), root)
            X509_free(root)
        }
    }
}

// MARK: - Credentials and names

extension TLSContext {
    private func use(_ credentials: [TLSCredentials]) throws(TLSError) {
        var types: Set<Int32> = []
        for entry in credentials {
            guard types.insert(entry.keyType).inserted else {
                throw TLSError(
                    .configuration, "two certificates have keys of the same type; give one ECDSA and one RSA at most")
            }
            ErrorQueue.clear()
            let storage = entry.storage
            guard SSL_CTX_use_cert_and_key(pointer, storage.certificate, storage.key, storage.chain, 0) == 1 else {
                throw TLSError(
                    .configuration, "OpenSSL refuses the certificate (\(ErrorQueue.drainText(or: "unknown")))")
            }
        }
    }

    /// RFC 7301 §3.1: each name is 1 to 255 bytes, with its length before it.
    private static func alpnList(_ protocols: [String]) throws(TLSError) -> [UInt8] {
        var list: [UInt8] = []
        for name in protocols {
            guard let count = UInt8(exactly: name.utf8.count), count > 0 else {
                throw TLSError(.configuration, "the ALPN protocol \"\(name)\" is not 1 to 255 bytes long")
            }
            list.append(count)
            list.append(contentsOf: name.utf8)
        }
        return list
    }
}
