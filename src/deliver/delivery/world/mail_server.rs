//! A mail server, played by the test: it answers as it is told, and keeps what it hears.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// How it answers.
#[derive(Default)]
pub(crate) struct Manners {
    /// The answers to the next `RCPT`s; then 250.
    pub(crate) recipients: Vec<&'static str>,
    /// Offers STARTTLS with this key.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Offers AUTH.
    pub(crate) login: bool,
    /// Says nothing once it has the mail.
    pub(crate) silent: bool,
}

/// What it heard: lines of all connections, and whether each came encrypted.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(bool, String)>>>);

impl Heard {
    /// The lines that start with `start`, and whether they were encrypted.
    pub(crate) fn starting(&self, start: &str) -> Vec<(bool, String)> {
        let heard = self.0.lock().unwrap();
        let fits = heard.iter().filter(|(_, line)| line.starts_with(start));
        fits.cloned().collect()
    }
}

/// The server; its port is free for others when it has ended.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    pub(crate) heard: Heard,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MailServer {
    pub(crate) async fn start(mut manners: Manners) -> MailServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Heard::default();
        let ears = heard.clone();
        let task = tokio::spawn(async move {
            // One after the other; a connection that breaks is the client's affair.
            while let Ok((stream, _)) = listener.accept().await {
                let _ = serve(stream, &mut manners, &ears).await;
            }
        });
        MailServer { port, heard, task }
    }
}

async fn serve(stream: TcpStream, manners: &mut Manners, heard: &Heard) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test\r\n").await?;
    if talk(&mut stream, manners, heard, false).await? {
        let acceptor = manners.tls.clone().unwrap();
        let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
        talk(&mut stream, manners, heard, true).await?;
    }
    Ok(())
}

/// Answers until the end, or until the client wants to go on encrypted.
async fn talk<S>(
    stream: &mut BufReader<S>,
    manners: &mut Manners,
    heard: &Heard,
    encrypted: bool,
) -> std::io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut in_mail = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let line = line.trim_end_matches(['\r', '\n']);
        heard.0.lock().unwrap().push((encrypted, line.to_owned()));
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match verb {
            "." if in_mail && manners.silent => std::future::pending().await,
            "." if in_mail => {
                in_mail = false;
                "250 taken"
            }
            _ if in_mail => continue,
            "EHLO" => &match (manners.tls.is_some() && !encrypted, manners.login) {
                (true, _) => "250-test\r\n250 STARTTLS".to_owned(),
                (false, true) => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
                (false, false) => "250-test\r\n250 8BITMIME".to_owned(),
            },
            "STARTTLS" => {
                stream.write_all(b"220 go\r\n").await?;
                return Ok(true);
            }
            "AUTH" => "235 welcome",
            "RCPT" if !manners.recipients.is_empty() => manners.recipients.remove(0),
            "DATA" => {
                in_mail = true;
                "354 go"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
    }
}
