//! `oathctl completions`.

use crate::cli::{CompletionsArgs, ShellArg};
use crate::failure::Failure;
use crate::output;

/// Prints the completions that the build script made.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    output::print(match args.shell {
        ShellArg::Bash => include_str!(concat!(env!("OUT_DIR"), "/oathctl.bash")),
        ShellArg::Zsh => include_str!(concat!(env!("OUT_DIR"), "/_oathctl")),
        ShellArg::Fish => include_str!(concat!(env!("OUT_DIR"), "/oathctl.fish")),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// What bash offers for the last of these words.
    fn offered(words: &str) -> Vec<String> {
        let file = concat!(env!("OUT_DIR"), "/oathctl.bash");
        let script = format!(
            "set -e; . \"$0\"; complete -p oathctl | grep -q 'F _oathctl'
             COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
             _oathctl oathctl \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"
             echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let output = bash.args(["--norc", "-c", &script, file]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn bash_completes_commands_options_and_values() {
        assert_eq!(offered("oathctl passw"), ["password"]);
        assert_eq!(offered("oathctl password rem"), ["remember"]);
        assert_eq!(offered("oathctl --json code --min"), ["--min-left"]);
        assert_eq!(offered("oathctl --color n"), ["never"]);
    }
}
