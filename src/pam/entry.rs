//! What PAM calls.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::time::Duration;

use pam::constants::{PamFlag, PamResultCode};
use pam::items::{AuthTok, RHost, Service, Tty};
use pam::module::{PamHandle, PamHooks};

use crate::arguments::{Arguments, ONE_FIELD_PROMPT, PASSWORD_PROMPT, PROMPT, Part};
use crate::bus::{DEADLINE, IN_PASSING};
use crate::conversation::Conversation;
use crate::ffi::{kept, set_password};
use crate::flow::{End, Manner, Oathd, Person, TOUCH, second_factor};
use crate::journal::{Priority, log};
use crate::kept::Kept;
use crate::oathd::Verifier;
use crate::one_field::split;
use crate::rules::{Code, after, before};
use crate::seat::Caller;
use crate::secret::Secret;
use crate::session;
use crate::words;

/// Prompts for a code in the strict stack.
const COLLECT_ROUNDS: usize = 3;

struct Module;

pam::pam_hooks!(Module);

impl PamHooks for Module {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(args, |arguments| authenticate(pamh, arguments, flags))
    }

    /// Nothing is established: a receipt is no credential of the process.
    fn sm_setcred(_: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(args, |_| Ok(PamResultCode::PAM_SUCCESS))
    }

    /// Decides nothing, but reminds whoever came in by a way back.
    fn acct_mgmt(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(args, |arguments| remind(pamh, arguments, flags))
    }

    fn sm_open_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(args, |arguments| session::open(pamh, arguments))
    }

    fn sm_close_session(_: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(args, |_| Ok(PamResultCode::PAM_IGNORE))
    }
}

/// Runs a call of PAM with its arguments: a panic or a wrong argument lets nobody in.
fn guarded(
    args: Vec<&CStr>,
    call: impl FnOnce(&Arguments) -> Result<PamResultCode, Code>,
) -> PamResultCode {
    // The hook of the standard library writes to the standard error, which belongs to the program.
    set_hook(Box::new(|_| {}));
    let run = AssertUnwindSafe(|| {
        let words: Result<Vec<&str>, Code> = args
            .iter()
            .map(|word| word.to_str().map_err(|_| Code::Misconfigured))
            .collect();
        match Arguments::parse(words?) {
            Ok(arguments) => call(&arguments),
            Err(wrong) => {
                log(
                    Priority::Error,
                    &format!("the service file is wrong: {wrong}"),
                );
                Err(Code::Misconfigured)
            }
        }
    });
    match catch_unwind(run) {
        Ok(Ok(code)) => code,
        Ok(Err(code)) => pam_code(code),
        Err(payload) => {
            // What was thrown may panic when it is dropped.
            std::mem::forget(payload);
            log(Priority::Error, "the module failed");
            pam_code(Code::Broken)
        }
    }
}

fn pam_code(code: Code) -> PamResultCode {
    match code {
        Code::Accepted => PamResultCode::PAM_SUCCESS,
        Code::NotAsked => PamResultCode::PAM_IGNORE,
        Code::Wrong => PamResultCode::PAM_AUTH_ERR,
        Code::TooMany => PamResultCode::PAM_MAXTRIES,
        Code::Denied => PamResultCode::PAM_PERM_DENIED,
        Code::Unavailable => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        Code::NoConversation => PamResultCode::PAM_CONV_ERR,
        Code::Misconfigured => PamResultCode::PAM_SERVICE_ERR,
        Code::Broken => PamResultCode::PAM_SYSTEM_ERR,
    }
}

fn authenticate(
    pamh: &mut PamHandle,
    arguments: &Arguments,
    flags: PamFlag,
) -> Result<PamResultCode, Code> {
    let user = pamh.get_user(None).map_err(|_| Code::NoConversation)?;
    if arguments.part == Part::Collect {
        return collect(pamh, arguments, flags, &user);
    }
    let collected = kept(pamh).and_then(|kept| kept.code.take());
    let manner = match arguments.part {
        Part::Presence => Manner::Presence(arguments.prompt.as_deref().unwrap_or(TOUCH)),
        Part::Check => match collected {
            Some(code) => Manner::Collected(code),
            None => {
                log(Priority::Error, "check has no collect before it");
                return Err(Code::Misconfigured);
            }
        },
        Part::Both | Part::Collect => Manner::Prompt(arguments.prompt.as_deref().unwrap_or(PROMPT)),
    };
    let mut person = Conversation::of(pamh, flags, arguments.echo);
    let end = match connect(pamh, arguments, &user, DEADLINE) {
        Ok(mut oathd) => second_factor(&mut oathd, &mut person, manner, arguments.deny_unenrolled),
        Err(failure) => {
            let ruling = after(&failure);
            person.tell(&ruling.text);
            End::without_receipt(ruling.code, format!("{failure:?}"))
        }
    };
    report(arguments, &user, &end);
    if let Some(receipt) = end.receipt {
        session::keep(pamh, &user, receipt);
    }
    Ok(pam_code(end.code))
}

/// Asks for password and code before either is checked. The answer never counts as a success: only
/// `check` has seen a code that was right.
fn collect(
    pamh: &mut PamHandle,
    arguments: &Arguments,
    flags: PamFlag,
    user: &str,
) -> Result<PamResultCode, Code> {
    let mut person = Conversation::of(pamh, flags, arguments.echo);
    let (password, code) = match arguments.one_field {
        Some(digits) => {
            let prompt = arguments.prompt.as_deref().unwrap_or(ONE_FIELD_PROMPT);
            let field = person.ask_hidden(prompt)?;
            // Whoever has no factor types a password alone, which may end in digits.
            let expects_code = connect(pamh, arguments, user, DEADLINE)
                .and_then(|mut oathd| oathd.status())
                .map_or(true, |status| before(status.requirement, false).is_none());
            match expects_code {
                true => split(&field, digits),
                false => (field, None),
            }
        }
        None => {
            let known = pamh.get_item::<AuthTok<'_>>().ok().flatten();
            let known =
                known.and_then(|token| std::str::from_utf8(token.as_bytes()).ok().map(Secret::new));
            let password = match known {
                Some(password) => password,
                None => person.ask_hidden(PASSWORD_PROMPT)?,
            };
            let prompt = arguments.prompt.as_deref().unwrap_or(PROMPT);
            (password, Some(collect_code(&mut person, prompt)?))
        }
    };
    let code = code.unwrap_or_else(|| Secret::new(""));
    let keep = Kept {
        code: Some(code).into(),
        ..Kept::default()
    };
    set_password(pamh, &password).map_err(|_| Code::Broken)?;
    pamh.set_data(Kept::NAME, Box::new(keep))
        .map_err(|_| Code::Broken)?;
    Ok(PamResultCode::PAM_IGNORE)
}

/// Helps everybody with the same words, known or not.
fn collect_code(person: &mut Conversation<'_>, prompt: &str) -> Result<Secret, Code> {
    for _ in 0..COLLECT_ROUNDS {
        let typed = person.ask(prompt)?;
        if typed.reveal().trim() != "?" {
            return Ok(typed);
        }
        person.tell(words::STRANGERS_HELP);
    }
    Err(Code::Wrong)
}

/// Tells the owner who came in by a way back, unless the login itself told.
fn remind(
    pamh: &mut PamHandle,
    arguments: &Arguments,
    flags: PamFlag,
) -> Result<PamResultCode, Code> {
    if kept(pamh).is_some_and(|kept| kept.told_to_reenrol) {
        return Ok(PamResultCode::PAM_IGNORE);
    }
    let user = pamh.get_user(None).map_err(|_| Code::NoConversation)?;
    let oathd = connect(pamh, arguments, &user, IN_PASSING);
    let status = oathd.and_then(|mut oathd| oathd.status());
    if status.is_ok_and(|status| status.must_reenrol) {
        Conversation::of(pamh, flags, false).mention(words::REENROL);
    }
    Ok(PamResultCode::PAM_IGNORE)
}

/// Who runs the module, and where the login comes from.
pub(crate) fn caller(pamh: &PamHandle) -> Caller {
    Caller {
        is_root: rustix::process::geteuid().is_root(),
        // A name that cannot be read is that of a remote host all the same.
        remote_host: (pamh.get_item::<RHost<'_>>().ok().flatten())
            .map(|host| host.0.to_string_lossy().into_owned()),
        tty: text(pamh.get_item::<Tty<'_>>().ok().flatten().map(|i| i.0)),
    }
}

fn text(item: Option<&CStr>) -> Option<String> {
    item.and_then(|s| s.to_str().ok()).map(str::to_owned)
}

/// The verifier, about `user`; for each answer `patience` is waited.
pub(crate) fn connect(
    pamh: &PamHandle,
    arguments: &Arguments,
    user: &str,
    patience: Duration,
) -> Result<Verifier, crate::outcome::Failure> {
    let service = match &arguments.service {
        Some(service) => service.clone(),
        None => {
            text(pamh.get_item::<Service<'_>>().ok().flatten().map(|i| i.0)).unwrap_or_default()
        }
    };
    let bus = (arguments.bus.as_deref(), patience);
    Verifier::connect(bus, user, &service, caller(pamh))
}

fn report(arguments: &Arguments, user: &str, end: &End) {
    let priority = match end.code {
        Code::Accepted | Code::NotAsked if !arguments.debug => return,
        Code::Accepted | Code::NotAsked => Priority::Info,
        Code::Wrong | Code::TooMany | Code::Denied => Priority::Notice,
        _ => Priority::Error,
    };
    log(
        priority,
        &format!("{user}: {} ({:?})", end.reason, end.code),
    );
}
