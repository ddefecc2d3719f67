//! A connection to oathd together with what the user said about it, and the asking for passwords
//! that a call may turn out to need.

use oathd_client::{Client, CredentialQuery, Error, ErrorName, Found, Token, TokenRecord};
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::failure::Failure;
use crate::{output, prompt};

/// How often a password is asked for on a terminal.
const TRIES: u32 = 3;

/// The connection of one command.
pub(crate) struct Session {
    /// oathd.
    pub(crate) client: Client,
    /// The options of every command.
    pub(crate) global: Global,
    /// Whether to colour standard output.
    pub(crate) colour: bool,
}

impl Session {
    /// Connects to the bus that the options name.
    pub(crate) async fn open(global: Global) -> Result<Session, Failure> {
        let client = match global.bus.as_str() {
            "system" => Client::system().await?,
            "session" => Client::session().await?,
            address => Client::connect(address).await?,
        };
        Ok(Session {
            client: match global.no_interaction {
                true => client.without_interaction(),
                false => client,
            },
            colour: output::colours(global.color) && !global.json,
            global,
        })
    }

    /// The one token that was named, if one was.
    pub(crate) fn selector(&self) -> Result<Option<&str>, Failure> {
        match self.global.token.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Failure::usage("This command takes one --token.")),
        }
    }

    /// The token that was named, or the only one there is.
    pub(crate) async fn token(&self) -> Result<Token, Failure> {
        self.find(self.selector()?.unwrap_or_default()).await
    }

    async fn find(&self, selector: &str) -> Result<Token, Failure> {
        let found = self.client.find_token(selector).await;
        found.map_err(|error| not_found(selector, error))
    }

    /// What fits a query about the token that was named, or about all.
    pub(crate) async fn credentials(&self, query: &CredentialQuery) -> Result<Found, Failure> {
        let selector = query.token.as_deref().unwrap_or_default();
        let found = self.client.find_credentials(query).await;
        found.map_err(|error| not_found(selector, error))
    }

    /// The token that was named, or all.
    pub(crate) async fn tokens(&self) -> Result<Vec<Token>, Failure> {
        if self.selector()?.is_some() {
            return Ok(vec![self.token().await?]);
        }
        let tokens = self.client.tokens().await?;
        match tokens.is_empty() {
            true => Err(ErrorName::NoToken.into()),
            false => Ok(tokens),
        }
    }

    /// The tokens that were named, each once, or the only one there is.
    pub(crate) async fn named_tokens(&self) -> Result<Vec<Token>, Failure> {
        let mut tokens: Vec<Token> = Vec::new();
        for selector in &self.global.token {
            let token = self.find(selector).await?;
            if tokens.iter().any(|known| known.path() == token.path()) {
                return Err(Failure::usage(format!(
                    "--token {selector} is given twice."
                )));
            }
            tokens.push(token);
        }
        match tokens.is_empty() {
            true => Ok(vec![self.find("").await?]),
            false => Ok(tokens),
        }
    }

    /// Makes a call, and makes it again once the password that it needs has been given.
    pub(crate) async fn unlocked<T>(
        &self,
        token: &Token,
        call: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Failure> {
        match call().await {
            Err(error) if error.asks_for_password() => {
                self.unlock(token, error).await?;
                Ok(call().await?)
            }
            other => Ok(other?),
        }
    }

    /// Unlocks a token with a password from the user, or fails with `why`.
    pub(crate) async fn unlock(&self, token: &Token, why: Error) -> Result<(), Failure> {
        for attempt in 1.. {
            let Some(password) = self.password(token).await? else {
                return Err(why.into());
            };
            match token.unlock(password.as_bytes(), false).await {
                Err(error)
                    if error.is(ErrorName::WrongPassword)
                        && attempt < TRIES
                        && !self.global.password_stdin =>
                {
                    output::tell("The password is wrong.");
                }
                other => return Ok(other?),
            }
        }
        Err(why.into())
    }

    /// The password of a token from standard input or the terminal; `None` where nobody can be
    /// asked.
    pub(crate) async fn password(
        &self,
        token: &Token,
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        if self.global.password_stdin {
            let password = not_empty(
                prompt::stdin_line()?,
                "Standard input holds no password.",
                "Write one line for every password that is needed, after a secret if there is one.",
            );
            return password.map(Some);
        }
        if self.global.no_interaction || !prompt::somebody_is_there() {
            return Ok(None);
        }
        let name = name_of(&token.describe().await?);
        let password = not_empty(
            prompt::hidden(&format!("Password of {name}: "))?,
            "No password was typed.",
            "Repeat the command and type the password of the token.",
        );
        password.map(Some)
    }

    /// Whether questions can be asked: the user is at the terminal and standard input is it.
    pub(crate) fn can_ask(&self) -> bool {
        prompt::can_ask(&self.global)
    }

    /// A code or another line that the user types; empty where there is none.
    pub(crate) fn typed(&self, question: &str) -> Result<Zeroizing<String>, Failure> {
        prompt::typed(&self.global, question)
    }

    /// A password that is to be set.
    pub(crate) fn new_password(&self) -> Result<Zeroizing<String>, Failure> {
        let password = if self.global.password_stdin {
            prompt::stdin_line()?
        } else if self.global.no_interaction || !prompt::somebody_is_there() {
            return Err(Failure::new(
                oathd_client::ExitCode::MoreNeeded,
                "NewPasswordRequired",
                "The new password cannot be asked for.",
                "Run the command on a terminal, or give --password-stdin.",
            ));
        } else {
            prompt::new_password()?
        };
        not_empty(
            password,
            "The new password is empty.",
            "Type one; `oathctl password clear` removes a password.",
        )
    }
}

fn not_empty(
    password: Zeroizing<String>,
    message: &str,
    remedy: &str,
) -> Result<Zeroizing<String>, Failure> {
    match password.is_empty() {
        true => Err(Failure::input("EmptyPassword", message, remedy)),
        false => Ok(password),
    }
}

/// A failure to find a token, which names the one that was wanted.
fn not_found(selector: &str, error: Error) -> Failure {
    if error.is(ErrorName::NoToken) && !selector.is_empty() {
        let message = format!("No token here goes by {selector:?}");
        return Failure::explained(ErrorName::NoToken, &message);
    }
    error.into()
}

/// What people call a token: its model and its serial, or the start of its id.
pub(crate) fn name_of(token: &TokenRecord) -> String {
    format!("{} {}", token.model, short_key(token))
}

/// What names a token on the command line and in JSON: its serial, or its id.
pub(crate) fn key_of(token: &TokenRecord) -> String {
    match token.serial {
        Some(serial) => serial.to_string(),
        None => token.id.clone(),
    }
}

fn short_key(token: &TokenRecord) -> String {
    match token.serial {
        Some(serial) => serial.to_string(),
        None => token.id.chars().take(8).collect(),
    }
}
