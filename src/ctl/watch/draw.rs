//! Drawing the model. Pure: a model, a time and an area give a picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::watch::model::{Model, Row, State};

/// The widest issuer, in cells.
const ISSUER_MAX: usize = 24;
/// How narrow the name, or what stands for issuer and name, gets in a narrow window, in cells.
const NAME_MIN: usize = 4;
/// How much of a name is worth more than the bar, in cells.
const NAME_GOOD: usize = 12;
/// A code of eight digits in two groups, in cells.
const CODE: usize = 9;
/// The bar, in cells.
const BAR: usize = 12;
/// The gap before the bar and the bar, in cells.
const BAR_ROOM: usize = 2 + BAR;
/// Marker, gaps, code and seconds: everything but issuer, name and bar, in cells.
const FIXED: usize = 2 + 2 + 2 + CODE + 5;
/// Marker, gap and code, in cells.
const SHORT: usize = 2 + 2 + CODE;

const HELP: &str = "↑↓ select · Enter code · / filter · r ask again · q quit";

/// Draws `model` at `now` (Unix seconds) into `area`.
pub(super) fn draw(model: &Model, now: u64, colour: bool, area: Rect, buffer: &mut Buffer) {
    let [list, status] = split(area);
    let (lines, selected) = lines(model, now, colour, usize::from(area.width));
    let height = usize::from(list.height);
    let offset = (selected + 1).saturating_sub(height);
    Paragraph::new(lines)
        .scroll((u16::try_from(offset).unwrap_or(u16::MAX), 0))
        .render(list, buffer);
    Paragraph::new(status_line(model)).render(status, buffer);
}

/// The list above, a line for the user below.
fn split(area: Rect) -> [Rect; 2] {
    let below = area.height.min(1);
    let list = Rect {
        height: area.height - below,
        ..area
    };
    let status = Rect {
        y: area.y + list.height,
        height: below,
        ..area
    };
    [list, status]
}

fn status_line(model: &Model) -> Line<'static> {
    if model.typing {
        return Line::from(format!("/{}▏", model.filter));
    }
    match &model.notice {
        None if !model.filter.is_empty() => Line::from(format!("/{}", model.filter)),
        Some(notice) => Line::styled(notice.clone(), Style::new().add_modifier(Modifier::BOLD)),
        None => Line::styled(HELP, Style::new().add_modifier(Modifier::DIM)),
    }
}

/// All lines, and the number of the selected one.
fn lines(model: &Model, now: u64, colour: bool, width: usize) -> (Vec<Line<'static>>, usize) {
    let visible = model.visible();
    let rows = || {
        let row = |&(t, r): &(usize, usize)| model.tokens.get(t)?.rows.get(r);
        visible.iter().filter_map(row)
    };
    let cells = |text: &str| Span::raw(text).width();
    let widest = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let issuer = widest(&mut rows().map(|row| cells(&row.issuer))).min(ISSUER_MAX);
    let name = widest(&mut rows().map(|row| cells(&row.name)));
    let columns = Columns::within(width, issuer, name);
    let mut lines = Vec::new();
    let mut selected_line = 0;
    for (t, token) in model.tokens.iter().enumerate() {
        if !model.filter.is_empty() && visible.iter().all(|&(of, _)| of != t) {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        let bold = Style::new().add_modifier(Modifier::BOLD);
        lines.push(Line::styled(token.name.clone(), bold));
        if let Some(trouble) = &token.trouble {
            lines.push(Line::raw(format!("  {trouble}")));
        }
        for (place, &(_, r)) in visible.iter().enumerate().filter(|(_, (of, _))| *of == t) {
            let Some(row) = token.rows.get(r) else {
                continue;
            };
            let selected = place == model.selected;
            if selected {
                selected_line = lines.len();
            }
            lines.push(row_line(row, selected, now, colour, &columns));
        }
    }
    (lines, selected_line)
}

/// What of a row there is room for. The code is given up last.
enum Columns {
    /// Issuer and name in columns of these widths, the code, its seconds, and the bar if it fits.
    Full {
        issuer: usize,
        name: usize,
        bar: bool,
    },
    /// Issuer and name in one column of this width, and the code.
    Short(usize),
}

impl Columns {
    /// For a window of `width` cells and the widest issuer and name.
    fn within(width: usize, issuer: usize, name: usize) -> Columns {
        let room = |fixed: usize, wanted: usize| {
            let room = width.checked_sub(fixed + issuer)?;
            (room >= wanted).then_some(room.min(name))
        };
        let full = |name, bar| Columns::Full { issuer, name, bar };
        let with_bar = room(FIXED + BAR_ROOM, NAME_GOOD.min(name));
        match (with_bar, room(FIXED, NAME_MIN.min(name))) {
            (Some(name), _) => full(name, true),
            (None, Some(name)) => full(name, false),
            (None, None) => Columns::Short(width.saturating_sub(SHORT).max(NAME_MIN)),
        }
    }

    fn label(&self, row: &Row) -> String {
        match *self {
            Columns::Full { issuer, name, .. } => {
                format!("{}  {}", fit(&row.issuer, issuer), fit(&row.name, name))
            }
            Columns::Short(width) if row.issuer.is_empty() => fit(&row.name, width),
            Columns::Short(width) => fit(&format!("{}:{}", row.issuer, row.name), width),
        }
    }

    fn left(&self, left: u64, whole: u64) -> String {
        match self {
            Columns::Full { bar: true, .. } => format!("  {}", bar(left, whole)),
            _ => String::new(),
        }
    }

    fn seconds(&self, left: u64) -> String {
        match self {
            Columns::Full { .. } => format!("{left:>3} s"),
            Columns::Short(_) => String::new(),
        }
    }
}

fn row_line(row: &Row, selected: bool, now: u64, colour: bool, columns: &Columns) -> Line<'static> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let marker = if selected { "▸ " } else { "  " };
    let mut spans = vec![Span::raw(format!("{marker}{}  ", columns.label(row)))];
    match &row.state {
        State::Code { code, from, until } => {
            let over = until.is_some_and(|until| until <= now);
            let style = if over { dim } else { bold };
            spans.push(Span::styled(format!("{:>CODE$}", grouped(code)), style));
            if let Some(until) = until {
                let (left, whole) = (until.saturating_sub(now), until.saturating_sub(*from));
                let style = match colour {
                    true => Style::new().fg(urgency(left)),
                    false => Style::new(),
                };
                spans.push(Span::styled(columns.left(left, whole), style));
                spans.push(Span::raw(columns.seconds(left)));
            }
        }
        State::Touch => spans.push(Span::styled(format!("{:>CODE$}", "touch"), dim)),
        State::OnRequest => spans.push(Span::styled(format!("{:>CODE$}", "Enter"), dim)),
        State::Trouble(why) => spans.push(Span::styled(why.clone(), dim)),
    }
    let line = Line::from(spans);
    match (selected, colour) {
        (true, true) => line.style(Style::new().fg(Color::Cyan)),
        _ => line,
    }
}

fn urgency(left: u64) -> Color {
    match left {
        0..=5 => Color::Red,
        6..=10 => Color::Yellow,
        _ => Color::Green,
    }
}

/// A bar of [`BAR`] cells, filled to `left` of `whole`, in eighths of a cell.
fn bar(left: u64, whole: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let cells = BAR as u64 * 8;
    let eighths = match whole {
        0 => 0,
        whole => left.min(whole).saturating_mul(cells) / whole,
    };
    let eighths = usize::try_from(eighths).unwrap_or(0).min(BAR * 8);
    let filled = "█".repeat(eighths / 8) + PARTS[eighths % 8];
    fit(&filled, BAR)
}

/// A code of digits in two groups; other codes as they are.
fn grouped(code: &str) -> String {
    if code.len() < 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return code.to_owned();
    }
    let (left, right) = code.split_at(code.len() / 2);
    format!("{left} {right}")
}

/// `text` in exactly `width` cells: cut with an ellipsis, or filled with blanks.
fn fit(text: &str, width: usize) -> String {
    let cells = |text: &str| Span::raw(text).width();
    if cells(text) <= width {
        return format!("{text}{}", " ".repeat(width - cells(text)));
    }
    let mut cut = String::new();
    for letter in text.chars() {
        if cells(&cut) + cells(letter.encode_utf8(&mut [0; 4])) + 1 > width {
            break;
        }
        cut.push(letter);
    }
    if width > 0 {
        cut.push('…');
    }
    let missing = width.saturating_sub(cells(&cut));
    cut + &" ".repeat(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::feed::Update;
    use crate::watch::keys::Key;
    use crate::watch::model::tests::{code_row, codes};

    fn picture(model: &Model, now: u64, width: u16, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        draw(model, now, true, area, &mut buffer);
        (0..height)
            .map(|y| {
                let cells = (0..width).map(|x| buffer[(x, y)].symbol().to_owned());
                cells.collect::<String>().trim_end().to_owned()
            })
            .collect()
    }

    fn model() -> Model {
        let mut model = Model::default();
        let rows = vec![
            code_row("GitHub", "me@example.com", Some(("123456", 60)), None),
            code_row("GitLab", "me", None, Some("TouchRequired")),
            code_row("Bank", "me", None, Some("hotp")),
        ];
        model.apply(codes("12345678", rows), 40);
        model.apply(
            Update::Codes {
                token: "2".into(),
                name: "YubiKey NEO 2".into(),
                codes: Err("The token is locked with a password.".into()),
            },
            40,
        );
        model
    }

    #[test]
    fn every_state_has_its_line() {
        let drawn = picture(&model(), 45, 72, 9);
        assert_eq!(
            drawn,
            [
                "YubiKey 5 NFC 12345678",
                "▸ GitHub  me@example.com    123 456  ██████       15 s",
                "  GitLab  me                  touch",
                "  Bank    me                  Enter",
                "",
                "YubiKey NEO 2",
                "  The token is locked with a password.",
                "",
                "↑↓ select · Enter code · / filter · r ask again · q quit",
            ]
        );
    }

    #[test]
    fn any_size_can_be_drawn_and_shows_the_selection() {
        let mut model = model();
        model.press(Key::PageDown);
        for width in 0..40 {
            for height in 0..6 {
                let drawn = picture(&model, 45, width, height);
                if width > 10 && height > 1 {
                    assert!(
                        drawn.iter().any(|line| line.starts_with("▸ Ban")),
                        "{drawn:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_narrow_window_keeps_the_code() {
        for width in 17..80 {
            let drawn = picture(&model(), 45, width, 9);
            assert!(drawn[1].contains("123 456"), "{width}: {}", drawn[1]);
        }
        let line = |width| picture(&model(), 45, width, 9).swap_remove(1);
        assert_eq!(line(20), "▸ GitHub…    123 456");
        assert_eq!(line(44), "▸ GitHub  me@example.com    123 456 15 s");
        assert_eq!(
            line(53),
            "▸ GitHub  me@example.c…    123 456  ██████       15 s"
        );
    }

    #[test]
    fn a_touch_is_asked_for_over_a_filter_too() {
        let mut model = model();
        model.press(Key::Letter('/'));
        model.press(Key::Letter('l'));
        let status = |model: &Model| picture(model, 45, 72, 9).swap_remove(8);
        assert_eq!(status(&model), "/l▏");
        model.press(Key::Enter);
        assert_eq!(status(&model), "/l");
        model.apply(Update::Touch("GitLab:me".into()), 45);
        assert_eq!(status(&model), "Touch the token for GitLab:me.");
    }

    #[test]
    fn the_bar_is_full_at_the_start_and_empty_at_the_end() {
        assert_eq!(bar(30, 30), "█".repeat(BAR));
        assert_eq!(bar(0, 30).trim(), "");
        assert_eq!(bar(40, 30), bar(30, 30));
        assert_eq!(bar(1, 0).trim(), "");
        for left in 0..=30 {
            assert_eq!(Span::raw(bar(left, 30)).width(), BAR);
        }
    }

    #[test]
    fn digits_are_grouped_and_letters_are_not() {
        assert_eq!(grouped("123456"), "123 456");
        assert_eq!(grouped("1234567"), "123 4567");
        assert_eq!(grouped("12345678"), "1234 5678");
        assert_eq!(grouped("23BCD"), "23BCD");
    }

    #[test]
    fn texts_fit_their_columns_whatever_they_hold() {
        for text in ["", "abc", "日本語テキスト", "a\u{301}bc", "👩‍👩‍👧x"] {
            for width in 0..12 {
                assert_eq!(Span::raw(fit(text, width)).width(), width, "{text} {width}");
            }
        }
    }
}
