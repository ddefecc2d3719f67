//! What the files of this host tell any program: processes, mounts, GnuPG's settings, PAM.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::soon;
use crate::command::pam;
use crate::doctor::logins::{Login, Logins};
use crate::doctor::scdaemon::{Scdaemon, settings};
use crate::doctor::ssh;
use crate::pam_stack;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) scdaemon: Option<Scdaemon>,
    pub(super) hidepid: Option<String>,
    pub(super) logins: Option<Logins>,
    pub(super) ssh_key_suffices: bool,
    pub(super) has_agent: bool,
    /// What was not read in time.
    pub(super) late: Vec<&'static str>,
}

/// Where GnuPG puts its programs.
const SCDAEMONS: [&str; 3] = [
    "/usr/lib/gnupg/scdaemon",
    "/usr/libexec/scdaemon",
    "/usr/lib/gnupg2/scdaemon",
];

/// Programs that show polkit's questions, beside those that have it in their names. The kernel cuts
/// names to 15 bytes.
const AGENTS: [&str; 5] = [
    "gnome-shell",
    "cinnamon",
    "pkttyagent",
    "soteria",
    "cosmic-osd",
];

/// Looks. What hangs – a home that is on a server which is gone, say – is left to its thread, which the
/// end of the program takes along, and named.
pub(super) async fn look() -> Host {
    let (processes, gnupg, hidepid, logins, on_trial, sshd) = tokio::join!(
        apart(processes),
        apart(gnupg),
        apart(hidden),
        apart(services),
        apart(pam::on_trial),
        apart(|| sshd(Path::new("/etc/ssh"))),
    );
    let late = [
        ("/proc", processes.is_none() || hidepid.is_none()),
        ("What GnuPG is set to", gnupg.is_none()),
        ("What PAM is set to, in /etc/pam.d,", logins.is_none()),
        ("What systemd has enabled", on_trial.is_none()),
        ("What sshd is set to", sshd.is_none()),
    ];
    let own = rustix::process::getuid().as_raw();
    let processes = processes.unwrap_or_default();
    let running = processes.iter().filter(|(name, _)| name == "scdaemon");
    Host {
        scdaemon: gnupg.map(|settings| Scdaemon {
            running: running.map(|(_, uid)| *uid).collect(),
            ..settings
        }),
        hidepid: hidepid.flatten(),
        logins: logins.map(|logins| Logins {
            on_trial: on_trial.unwrap_or(false),
            ..logins
        }),
        ssh_key_suffices: sshd
            .flatten()
            .is_some_and(|files| ssh::key_suffices(&files)),
        has_agent: processes
            .iter()
            .any(|(name, uid)| *uid == own && is_agent(name)),
        late: late
            .iter()
            .filter(|(_, late)| *late)
            .map(|(what, _)| *what)
            .collect(),
    }
}

/// What `work`, on a thread of its own, gives, if it does not take long.
async fn apart<T: Send + 'static>(work: fn() -> T) -> Option<T> {
    let work = tokio::task::spawn_blocking(work);
    soon(work).await.and_then(Result::ok)
}

/// Whether a program of this name shows polkit's questions.
fn is_agent(name: &str) -> bool {
    name.contains("polkit") || name.contains("policykit") || AGENTS.contains(&name)
}

/// How `/proc` hides processes, where it does.
fn hidden() -> Option<String> {
    hidepid(&fs::read_to_string("/proc/self/mounts").ok()?)
}

/// The settings of sshd, where all of them can be read. Debian's file includes those of the folder
/// before it sets anything itself.
fn sshd(folder: &Path) -> Option<Vec<String>> {
    let entries = fs::read_dir(folder.join("sshd_config.d"))
        .into_iter()
        .flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "conf"))
        .collect();
    files.sort();
    files.push(folder.join("sshd_config"));
    let texts = files.iter().map(fs::read_to_string);
    let there = texts.filter(|text| {
        let error = text.as_ref().err();
        error.is_none_or(|error| error.kind() != ErrorKind::NotFound)
    });
    there.collect::<Result<_, _>>().ok()
}

/// The services of PAM.
fn services() -> Logins {
    Logins {
        services: pam::services().into_iter().map(login).collect(),
        has_module: has_module(),
        on_trial: false,
    }
}

fn login(name: String) -> Login {
    let lines = pam_stack::lines(&name, &pam::file);
    Login { name, lines }
}

/// The names and real uids of the processes that can be seen.
fn processes() -> Vec<(String, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let status = |path: PathBuf| process(&fs::read_to_string(path.join("status")).ok()?);
    numbers.filter_map(|entry| status(entry.path())).collect()
}

/// What the file `status` of a process tells; see proc_pid_status(5).
fn process(status: &str) -> Option<(String, u32)> {
    let of = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let uid = of("Uid:")?.split_whitespace().next()?.parse().ok()?;
    Some((of("Name:")?.trim().to_owned(), uid))
}

/// How `/proc` is mounted, where it hides processes; see proc(5).
fn hidepid(mounts: &str) -> Option<String> {
    let mount = mounts.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        (fields.next() == Some("/proc")).then(|| fields.nth(1).unwrap_or_default())
    })?;
    let mut options = mount.split(',');
    let how = options.find_map(|option| option.strip_prefix("hidepid="))?;
    (!matches!(how, "0" | "off")).then(|| how.to_owned())
}

/// What GnuPG's settings of this host and user say.
fn gnupg() -> Scdaemon {
    let home = std::env::var_os("GNUPGHOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".gnupg")));
    let folders = [Some(PathBuf::from("/etc/gnupg")), home];
    let files = folders.into_iter().flatten();
    let (uses_pcscd, shares) = files
        .filter_map(|folder| fs::read_to_string(folder.join("scdaemon.conf")).ok())
        .map(|text| settings(&text))
        .fold((false, false), |all, one| (all.0 || one.0, all.1 || one.1));
    Scdaemon {
        installed: SCDAEMONS.iter().any(|path| Path::new(path).exists()),
        running: Vec::new(),
        uses_pcscd,
        shares,
    }
}

/// Whether the PAM module is in one of the places where libpam looks.
fn has_module() -> bool {
    let folders = ["/usr/lib", "/usr/lib64", "/lib"].map(PathBuf::from);
    let below = |folder: &PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut places = folders
        .iter()
        .flat_map(below)
        .chain(folders.iter().cloned());
    places.any(|place| place.join("security/pam_oathd.so").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proc_that_hides_is_known_by_its_last_mount() {
        let with =
            |options: &str| format!("proc /proc proc rw,{options} 0 0\nsys /sys sysfs rw 0 0\n");
        assert_eq!(
            hidepid(&with("hidepid=invisible")).as_deref(),
            Some("invisible")
        );
        assert_eq!(
            hidepid(&with("relatime,hidepid=2,gid=4")).as_deref(),
            Some("2")
        );
        for open in ["relatime", "hidepid=0", "hidepid=off"] {
            assert_eq!(hidepid(&with(open)), None);
            let over = with("hidepid=2") + &with(open);
            assert_eq!(hidepid(&over), None);
        }
        assert_eq!(hidepid(""), None);
    }

    #[test]
    fn settings_of_sshd_are_told_whole_or_not_at_all() {
        let ssh = tempfile::tempdir().unwrap();
        let files = || sshd(ssh.path());
        assert_eq!(files(), Some(Vec::new()));
        fs::write(ssh.path().join("sshd_config"), "last").unwrap();
        assert_eq!(files(), Some(vec!["last".to_owned()]));
        let more = ssh.path().join("sshd_config.d");
        fs::create_dir(&more).unwrap();
        fs::write(more.join("2.conf"), "second").unwrap();
        fs::write(more.join("1.conf"), "first").unwrap();
        let all = ["first", "second", "last"].map(str::to_owned).to_vec();
        assert_eq!(files(), Some(all));
        // Nobody, not even root, reads a folder.
        fs::create_dir(more.join("0.conf")).unwrap();
        assert_eq!(files(), None);
    }

    #[test]
    fn a_process_is_told_by_its_status() {
        let status = "Name:\tscdaemon\nState:\tS\nUid:\t1000\t0\t0\t0\n";
        assert_eq!(process(status), Some(("scdaemon".to_owned(), 1000)));
        assert_eq!(process("Name:\tx\n"), None);
        assert!(processes().len() > 1);
    }
}
