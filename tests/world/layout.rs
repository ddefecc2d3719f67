//! The folder of a world: what the namespace shows as `/run`, plus what is mounted elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Failure, User};

/// Folders of every world. `build` shows the programs under test, `etc` and `polkit` are mounted
/// over the machine's.
const FOLDERS: [&str; 12] = [
    "build",
    "cards",
    "dbus",
    "drivers",
    "etc",
    "home",
    "log",
    "pcscd",
    "polkit/actions",
    "polkit/rules",
    "polkit/vendor-rules",
    "reader.conf.d",
];

/// The folder and what was found on the machine.
#[derive(Debug)]
pub(super) struct Layout {
    folder: TempDir,
    /// Where cargo put the programs of this build.
    pub(super) build: PathBuf,
}

impl Layout {
    pub(super) fn create() -> Result<Self, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::Missing(
                "worlds need root: run the tests as root or with sudo".into(),
            ));
        }
        let folder = tempfile::Builder::new()
            .prefix("oathd-world-")
            .tempdir()
            .map_err(Failure::io("world folder"))?;
        let layout = Self {
            folder,
            build: build_folder()?,
        };
        open_to_all(layout.folder.path())?;
        for name in FOLDERS {
            let path = layout.path(name);
            fs::create_dir_all(&path).map_err(Failure::io(name))?;
            open_to_all(&path)?;
        }
        for user in User::ADDED {
            layout.own_folder(&format!("home/{}", user.name()), user)?;
        }
        layout.own_folder("home/root", User::Root)?;
        layout.own_folder("state", User::Oathd)?;
        layout.add_users()?;
        Ok(layout)
    }

    /// The path outside the namespace of what is `/run/<name>` inside.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        fs::write(self.path(name), text).map_err(Failure::io(name))
    }

    fn own_folder(&self, name: &str, user: User) -> Result<(), Failure> {
        let path = self.path(name);
        fs::create_dir_all(&path)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o700)))
            .and_then(|()| chown(&path, Some(user.uid()), Some(user.uid())))
            .map_err(Failure::io(name))
    }

    /// The machine's users plus ours, for the namespace alone.
    fn add_users(&self) -> Result<(), Failure> {
        let mut passwd = fs::read_to_string("/etc/passwd").map_err(Failure::io("/etc/passwd"))?;
        let mut group = fs::read_to_string("/etc/group").map_err(Failure::io("/etc/group"))?;
        for user in User::ADDED {
            let (name, id, home) = (user.name(), user.uid(), user.home());
            let others = |text: &str| -> String {
                text.lines()
                    .filter(|line| !line.starts_with(&format!("{name}:")))
                    .fold(String::new(), |all, line| all + line + "\n")
            };
            passwd = others(&passwd);
            group = others(&group);
            // Writing to a String cannot fail.
            let _ = writeln!(passwd, "{name}:x:{id}:{id}::{home}:/bin/sh");
            let _ = writeln!(group, "{name}:x:{id}:");
        }
        self.write("etc/passwd", &passwd)?;
        self.write("etc/group", &group)
    }
}

fn open_to_all(path: &Path) -> Result<(), Failure> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(Failure::io(path.display().to_string()))
}

/// `target/<profile>`: the folder above `deps` in which this test program lies.
fn build_folder() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe().map_err(Failure::io("own path"))?;
    let folder = program.ancestors().skip(1).find(|folder| {
        folder
            .file_name()
            .is_some_and(|name| name != "deps" && name != "examples")
    });
    folder
        .map(Path::to_owned)
        .ok_or_else(|| Failure::Missing(format!("no build folder above {}", program.display())))
}
