//! TLS before a store that has none, so that a start costs what it costs against AWS: certificates to read, a handshake.

use std::io::Write as _;
use std::sync::Arc;

use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// Where the machine's authorities are, as on Amazon Linux and on Debian.
const AUTHORITIES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// A certificate for this machine, and a file in which it stands beside the machine's authorities, as many as AWS has.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// The file, for `SSL_CERT_FILE`.
    pub(crate) authorities: NamedTempFile,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut authorities = NamedTempFile::new().unwrap();
        let bundle = AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
        authorities.write_all(&bundle).unwrap();
        authorities.write_all(made.cert.pem().as_bytes()).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authorities }
    }

    /// Stands before the store at this URL; the URL to use instead.
    pub(crate) async fn before(&self, url: &str) -> String {
        let store = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, store) = (acceptor.clone(), store.clone());
                // What is small waits for nobody's acknowledgement, as on a network of AWS's.
                client.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    // A client that goes away in the middle is the benchmark's own, killed.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut store) = TcpStream::connect(store).await else { return };
                    store.set_nodelay(true).unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut store).await;
                });
            }
        });
        format!("https://localhost:{port}")
    }
}
