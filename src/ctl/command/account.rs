//! The commands for the second factor of an account, each in a file of its own.

mod api_key;
mod channel;
mod disable;
mod enroll;
mod factor;
mod locked_out;
pub(super) mod login;
mod recovery;
mod replace;
mod sessions;
mod status;
mod verify;

use crate::cli::account::AccountCommand;
use crate::failure::Failure;
use crate::session::Session;

/// Does what the command line says.
pub(crate) async fn run(session: &Session, command: &AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::Enroll(args) => enroll::run(session, args).await,
        AccountCommand::Verify(args) => verify::run(session, args).await,
        AccountCommand::Login(args) => login::run(&session.global, args),
        AccountCommand::Status(args) => status::run(session, args).await,
        AccountCommand::LockedOut(args) => locked_out::run(session, args).await,
        AccountCommand::Replace(args) => replace::run(session, args).await,
        AccountCommand::Disable(args) => disable::run(session, args).await,
        AccountCommand::Recovery(command) => recovery::run(session, command).await,
        AccountCommand::Channel(command) => channel::run(session, command).await,
        AccountCommand::Factor(command) => factor::run(session, command).await,
        AccountCommand::Sessions(args) => sessions::run(session, args).await,
        AccountCommand::ApiKey(command) => api_key::run(session, command).await,
    }
}
