//! What is on the screen, and how updates, keys and time change it.

use oathd_client::{CodeRecord, CodeRow};

use crate::output::harmless;
use crate::watch::feed::Update;
use crate::watch::keys::{Key, Wish};

/// What is said where no token is.
pub(super) const NO_TOKEN: &str = "No token is here.";

/// How many rows a page has.
const PAGE: isize = 10;

/// Everything that is shown.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) tokens: Vec<TokenView>,
    /// The selected one of the rows that the filter leaves.
    pub(super) selected: usize,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    /// A line for the user.
    pub(super) notice: Option<String>,
}

/// A token and its credentials.
#[derive(Debug)]
pub(super) struct TokenView {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
    /// Why there are no codes.
    pub(super) trouble: Option<String>,
    /// Its codes were asked for and have not come.
    asked: bool,
    /// The clocks disagree: codes that come are over already. Asking again would not help.
    skewed: bool,
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) issuer: String,
    pub(super) name: String,
    /// What to show without a code that was asked for.
    rest: State,
    pub(super) state: State,
}

/// What stands in the place of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Code {
        code: String,
        from: u64,
        /// HOTP codes have no end.
        until: Option<u64>,
    },
    /// Enter computes it, with a touch.
    Touch,
    /// Enter computes it and spends it.
    OnRequest,
    /// The name of an error.
    Trouble(String),
}

impl From<CodeRow> for Row {
    fn from(row: CodeRow) -> Row {
        let state = match (row.code, row.reason.as_deref()) {
            (Some(code), _) => State::Code {
                code,
                from: row.from.unwrap_or_default(),
                until: row.until,
            },
            (None, Some("TouchRequired")) => State::Touch,
            (None, Some("hotp")) => State::OnRequest,
            (None, reason) => State::Trouble(harmless(reason.unwrap_or("no code"))),
        };
        Row {
            id: row.id,
            issuer: harmless(&row.issuer.unwrap_or_default()),
            name: harmless(&row.name),
            rest: state.clone(),
            state,
        }
    }
}

impl Row {
    /// A code that was asked for stands here instead of what came by itself.
    fn is_requested(&self) -> bool {
        self.state != self.rest
    }

    fn ends(&self) -> Option<u64> {
        match self.state {
            State::Code { until, .. } => until,
            _ => None,
        }
    }
}

impl Model {
    /// The rows that the filter leaves, as places in `tokens` and their `rows`.
    pub(super) fn visible(&self) -> Vec<(usize, usize)> {
        let wanted = self.filter.to_lowercase();
        let mut places = Vec::new();
        for (t, token) in self.tokens.iter().enumerate() {
            for (r, row) in token.rows.iter().enumerate() {
                if row.id.to_lowercase().contains(&wanted) {
                    places.push((t, r));
                }
            }
        }
        places
    }

    /// Takes in what oathd told.
    pub(super) fn apply(&mut self, update: Update, now: u64) {
        match update {
            Update::Codes { token, name, codes } => self.set_codes(token, name, codes, now),
            Update::Removed(path) => {
                self.tokens.retain(|token| token.path != path);
                if self.tokens.is_empty() {
                    self.notice = Some(NO_TOKEN.to_owned());
                }
            }
            Update::Touch(id) => {
                self.notice = Some(format!("Touch the token for {}.", harmless(&id)))
            }
            Update::Code { token, id, code } => self.set_code(&token, &id, code),
            Update::Empty(why) => {
                self.tokens.clear();
                self.notice = Some(why);
            }
        }
        self.keep_selection();
    }

    fn set_codes(
        &mut self,
        path: String,
        name: String,
        codes: Result<Vec<CodeRow>, String>,
        now: u64,
    ) {
        let (mut rows, trouble) = match codes {
            Ok(codes) => (codes.into_iter().map(Row::from).collect(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let skewed = rows
            .iter()
            .any(|row: &Row| row.ends().is_some_and(|end| end <= now));
        let place = self.tokens.iter().position(|token| token.path == path);
        if let Some(old) = place.and_then(|place| self.tokens.get(place)) {
            for row in &mut rows {
                let kept =
                    |old: &&Row| old.id == row.id && old.rest == row.rest && old.is_requested();
                if let Some(old) = old.rows.iter().find(kept) {
                    row.state = old.state.clone();
                }
            }
        } else if self.tokens.is_empty() {
            self.notice = None;
        }
        let view = TokenView {
            path,
            name: harmless(&name),
            rows,
            trouble,
            asked: false,
            skewed,
        };
        match place.and_then(|place| self.tokens.get_mut(place)) {
            Some(old) => *old = view,
            None => {
                let place = self.tokens.partition_point(|token| token.name < view.name);
                self.tokens.insert(place, view);
            }
        }
    }

    fn set_code(&mut self, path: &str, id: &str, code: Result<CodeRecord, String>) {
        let row = self
            .tokens
            .iter_mut()
            .filter(|token| token.path == path)
            .flat_map(|token| &mut token.rows)
            .find(|row| row.id == id);
        self.notice = match (row, code) {
            (Some(row), Ok(code)) => {
                row.state = State::Code {
                    code: code.code,
                    from: code.from,
                    until: code.until,
                };
                None
            }
            (None, Ok(_)) => None,
            (_, Err(why)) => Some(why),
        };
    }

    /// Puts away codes that were asked for and are over.
    pub(super) fn expire(&mut self, now: u64) {
        for row in self.tokens.iter_mut().flat_map(|token| &mut token.rows) {
            if row.is_requested() && row.ends().is_some_and(|end| end <= now) {
                row.state = row.rest.clone();
            }
        }
    }

    /// The tokens whose codes are over and must be asked for again. Each is named once.
    pub(super) fn due(&mut self, now: u64) -> Vec<String> {
        let over = |token: &TokenView| {
            token
                .rows
                .iter()
                .any(|row| row.ends().is_some_and(|end| end <= now))
        };
        let mut due = Vec::new();
        for token in &mut self.tokens {
            if !token.asked && !token.skewed && over(token) {
                token.asked = true;
                due.push(token.path.clone());
            }
        }
        due
    }

    /// Whether the screen changes by time alone.
    pub(super) fn moves(&self, now: u64) -> bool {
        let mut rows = self.tokens.iter().flat_map(|token| &token.rows);
        rows.any(|row| row.ends().is_some_and(|end| end > now))
    }

    /// Does what a key says, and tells what must be asked of oathd for it.
    pub(super) fn press(&mut self, key: Key) -> Wish {
        match key {
            Key::Interrupt => return Wish::Quit,
            Key::Resize => {}
            Key::Up => self.step(-1),
            Key::Down => self.step(1),
            Key::PageUp => self.step(-PAGE),
            Key::PageDown => self.step(PAGE),
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
                self.notice = None;
            }
            Key::Enter if self.typing => self.typing = false,
            Key::Enter => return self.wanted(),
            Key::Backspace if self.typing => {
                self.filter.pop();
            }
            Key::Backspace => {}
            Key::Letter(letter) if self.typing => {
                if !letter.is_control() && self.filter.len() < 64 {
                    self.filter.push(letter);
                }
            }
            Key::Letter('q') => return Wish::Quit,
            Key::Letter('k') => self.step(-1),
            Key::Letter('j') => self.step(1),
            Key::Letter('r') => {
                self.notice = None;
                return Wish::Again;
            }
            Key::Letter('/') => self.typing = true,
            Key::Letter(_) => {}
        }
        self.keep_selection();
        Wish::Nothing
    }

    /// What Enter means: only rows without a code of their own have something to compute.
    fn wanted(&self) -> Wish {
        let Some(&(t, r)) = self.visible().get(self.selected) else {
            return Wish::Nothing;
        };
        match (
            self.tokens.get(t),
            self.tokens.get(t).and_then(|token| token.rows.get(r)),
        ) {
            (Some(token), Some(row)) if matches!(row.rest, State::Touch | State::OnRequest) => {
                Wish::Code {
                    token: token.path.clone(),
                    id: row.id.clone(),
                }
            }
            _ => Wish::Nothing,
        }
    }

    fn step(&mut self, by: isize) {
        self.selected = self.selected.saturating_add_signed(by);
    }

    fn keep_selection(&mut self) {
        let last = self.visible().len().saturating_sub(1);
        self.selected = self.selected.min(last);
    }
}

#[cfg(test)]
pub(super) mod tests;
