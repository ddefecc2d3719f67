//! With STARTTLS set, neither the password nor the mail goes to a server that does not encrypt, or
//! whose certificate nobody vouches for.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::world::{
    Client, MAILBOX, World,
    mail_server::{MailServer, Manners},
};

/// What a server needs to encrypt, and the certificate to trust it by.
fn key() -> (TlsAcceptor, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}

/// How a mail fares, and the server with what it heard.
async fn fares(manners: Manners, trusted: Option<&str>) -> (String, MailServer) {
    let server = MailServer::start(manners).await;
    let world = World::new();
    let password = world.write("password", "canary-password\n");
    let mut settings = format!(
        "attempts = 2\nretry_seconds = 0\n[email]\nby = 'smtp'\nfrom = 'oathd@example.org'\n\
         [smtp]\nhost = 'localhost'\nport = {}\nuser = 'oathd'\npassword_file = '{}'\n",
        server.port,
        password.display()
    );
    if let Some(certificate) = trusted {
        let file = world.write("ca.pem", certificate);
        settings += &format!("ca_file = '{}'\n", file.display());
    }
    let service = world.service(&settings).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("email", MAILBOX).await.unwrap();
    let outcome = client.outcome(&id).await;
    service.stop().await;
    (outcome, server)
}

#[tokio::test]
async fn a_trusted_server_gets_password_and_mail_encrypted() {
    let (acceptor, certificate) = key();
    let manners = Manners {
        tls: Some(acceptor),
        login: true,
        ..Manners::default()
    };
    let (outcome, server) = fares(manners, Some(&certificate)).await;
    assert_eq!(outcome, "sent");
    for start in ["AUTH PLAIN ", "MAIL ", "RCPT ", "Valid for ten minutes."] {
        let heard = server.heard.starting(start);
        assert!(heard.len() == 1 && heard[0].0, "{start}: {heard:?}");
    }
}

#[tokio::test]
async fn an_untrusted_or_open_server_gets_neither() {
    let (acceptor, _) = key();
    let (_, of_another) = key();
    let encrypting = || Manners {
        tls: Some(acceptor.clone()),
        login: true,
        ..Manners::default()
    };
    let open = Manners {
        login: true,
        ..Manners::default()
    };
    for (manners, trusted) in [
        (encrypting(), None),
        (encrypting(), Some(&*of_another)),
        (open, Some(&*of_another)),
    ] {
        let (outcome, server) = fares(manners, trusted).await;
        assert_eq!(outcome, "failed not_encrypted");
        assert!(!server.heard.starting("EHLO").is_empty());
        for start in ["AUTH", "MAIL", "RCPT", "DATA"] {
            assert_eq!(server.heard.starting(start), [], "{start}");
        }
    }
}
