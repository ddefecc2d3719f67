//! Names on the bus.

/// The well-known name of the service.
pub const BUS_NAME: &str = "org.oathd.Oathd1";

/// The object that carries the manager and the object manager.
pub const ROOT_PATH: &str = "/org/oathd/Oathd1";

/// The folder of token objects; what follows the slash is opaque and changes with every start.
pub const TOKEN_PATH: &str = "/org/oathd/Oathd1/token";

/// Finds tokens and credentials, registers agents.
pub const MANAGER_INTERFACE: &str = "org.oathd.Oathd1.Manager";

/// One token: its credentials, codes, access password.
pub const TOKEN_INTERFACE: &str = "org.oathd.Oathd1.Token";

/// Answers for accounts: is this response right, which ways are open.
pub const VERIFIER_INTERFACE: &str = "org.oathd.Oathd1.Verifier";

/// Changes to accounts by their owners and realms.
pub const ACCOUNTS_INTERFACE: &str = "org.oathd.Oathd1.Accounts";

/// A factor on its way into an account.
pub const ENROLLMENT_INTERFACE: &str = "org.oathd.Oathd1.Enrollment";

/// The folder of enrollment objects; what follows the slash is opaque.
pub const ENROLLMENT_PATH: &str = "/org/oathd/Oathd1/enrollment";

/// What administrators do for accounts.
pub const ADMINISTRATION_INTERFACE: &str = "org.oathd.Oathd1.Administration";

/// The service that a verification names so that its receipt proves a change of the own account.
pub const CHANGE_SERVICE: &str = "oathd-change";

/// The service that a verification names so that its receipt proves an administrator's factor.
pub const RESCUE_SERVICE: &str = "oathd-rescue";

/// Largest file that `Import` takes, in bytes.
pub const IMPORT_FD_MAX: usize = 16 << 20;

/// What a program of the user's session exports so that oathd can ask for a touch or a password.
pub const AGENT_INTERFACE: &str = "org.oathd.Oathd1.Agent";

/// What every error name of oathd starts with.
pub const ERROR_PREFIX: &str = "org.oathd.Oathd1.Error.";

/// Largest content of a sealed memory file that carries a secret, in bytes.
pub const SECRET_FD_MAX: usize = 4096;

/// The version of the interfaces: raised when a member is added, never lowered.
pub const API_VERSION: u32 = 1;

/// What works for the time being and goes, and what replaces it: members of interfaces and words of
/// records.
pub const DEPRECATED: &[(&str, &str)] = &[("legacy_recovery", "recovery")];

/// How long a client that allows interaction waits for an answer, in seconds: a password dialogue
/// of polkit fits in it. Without interaction the daemon answers within 20 s.
pub const INTERACTIVE_TIMEOUT_SECONDS: u64 = 120;

/// The well-known name of the delivery service, which sends codes and notices by SMS and mail.
pub const DELIVER_BUS_NAME: &str = "org.oathd.Deliver1";

/// The one object of the delivery service.
pub const DELIVER_PATH: &str = "/org/oathd/Deliver1";

/// Checks addresses, sends messages, tells how far they are.
pub const SENDER_INTERFACE: &str = "org.oathd.Deliver1.Sender";
