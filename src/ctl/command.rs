//! The commands, each in a file of its own.

mod account;
mod add;
mod admin;
mod agent;
mod code;
mod completions;
mod doctor;
mod import;
mod info;
mod list;
pub(crate) mod pam;
mod password;
mod remove;
mod rename;
mod token;
mod tokens;

use crate::cli::account::AccountCommand;
use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::session::Session;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    // What needs no bus comes first, and so does what can be refused without one.
    match &cli.command {
        Command::Completions(args) => return completions::run(args),
        Command::Watch => crate::watch::refuse_unless_terminal(&cli.global)?,
        Command::Account(AccountCommand::Login(args)) => {
            return account::login::run(&cli.global, args);
        }
        Command::Pam(command) => return pam::run(&cli.global, command),
        Command::Doctor(args) => return doctor::run(&cli.global, args).await,
        Command::Import(args) if args.dry_run => return import::show(&cli.global, args),
        _ => {}
    }
    let session = Session::open(cli.global).await?;
    match &cli.command {
        Command::Tokens => tokens::run(&session).await,
        Command::List(args) => list::run(&session, args).await,
        Command::Code(args) => code::run(&session, args).await,
        Command::Add(args) => add::run(&session, args).await,
        Command::Import(args) => import::run(&session, args).await,
        Command::Rename(args) => rename::run(&session, args).await,
        Command::Remove(args) => remove::run(&session, args).await,
        Command::Password(command) => password::run(&session, command).await,
        Command::Pair => token::pair(&session).await,
        Command::Reset(args) => token::reset(&session, args).await,
        Command::Watch => crate::watch::run(&session).await,
        Command::Agent => agent::run(&session).await,
        Command::Info => info::run(&session).await,
        Command::Account(command) => account::run(&session, command).await,
        Command::Admin(command) => admin::run(&session, command).await,
        Command::Pam(command) => pam::run(&session.global, command),
        Command::Completions(args) => completions::run(args),
        Command::Doctor(args) => doctor::run(&session.global, args).await,
    }
}
