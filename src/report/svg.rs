//! Pictures in a report. Each has a title, and the same figures stand in a table beside it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Hours, Route, Strip, Week};

/// The pattern for what is not known, which the other pictures use.
pub(super) fn hatch() -> Markup {
    html! {
        svg.hidden aria-hidden="true" focusable="false" {
            defs {
                pattern #hatch width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    path d="M0 0v6" {}
                }
            }
        }
    }
}

/// What the colours mean.
pub(super) fn key(colours: &[(&str, &str)]) -> Markup {
    html! {
        ul.key {
            @for (class, meaning) in colours {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" { rect class=(class) width="10" height="10" {} }
                    (meaning)
                }
            }
        }
    }
}

/// A bar whose figure stands beside it.
pub(super) fn bar(count: usize, most: usize) -> Markup {
    let width = (count * 100).checked_div(most).unwrap_or_default();
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect width=(width) height="10" {}
        }
    }
}

/// A device over the window.
pub(super) fn strip(it: &Strip) -> Markup {
    let path = |up: bool| {
        let mut path = String::new();
        for run in it.runs.iter().filter(|it| it.up == up) {
            // An outage shorter than a pixel must be seen.
            let width = (run.to.saturating_sub(run.from)).max(if up { 1 } else { 4 });
            let _ = write!(path, "M{} 0h{width}v12h-{width}z", run.from);
        }
        path
    };
    html! {
        svg.strip viewBox="0 0 1000 12" preserveAspectRatio="none" role="img"
            aria-label={ "When " (it.name) " was connected" } {
            rect.lx width="1000" height="12" {}
            path.up d=(path(true)) {}
            path.down d=(path(false)) {}
        }
    }
}

const CELL: usize = 18;
const LEFT: usize = 82;
const TOP: usize = 20;
/// The levels of a share in percent, the highest first, with their classes.
const LEVELS: [(u8, &str, &str); 5] = [
    (90, "l5", "90 % and more"),
    (75, "l4", "75 % and more"),
    (50, "l3", "50 % and more"),
    (25, "l2", "25 % and more"),
    (0, "l1", "less"),
];

/// Day by hour, a cell for each.
pub(super) fn hours(days: &[Hours]) -> Markup {
    let mut paths = [const { String::new() }; LEVELS.len() + 1];
    for (row, day) in days.iter().enumerate() {
        for (column, percent) in day.percent.iter().enumerate() {
            let level = percent.map_or(LEVELS.len(), |it| {
                LEVELS.iter().position(|level| it >= level.0).unwrap_or_default()
            });
            if let Some(path) = paths.get_mut(level) {
                let (x, y, size) = (LEFT + column * CELL, TOP + row * CELL, CELL - 2);
                let _ = write!(path, "M{x} {y}h{size}v{size}h-{size}z");
            }
        }
    }
    let classes = LEVELS.iter().map(|it| it.1).chain(["lx"]);
    let (width, height) = (LEFT + 24 * CELL, TOP + days.len() * CELL);
    let mut keys: Vec<(&str, &str)> = LEVELS.iter().map(|it| (it.1, it.2)).collect();
    keys.push(("lx", "not known"));
    html! {
        svg role="img" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
            aria-label="Share of devices connected, by day and hour; the table below has the same figures" {
            @for hour in (0..24).step_by(3) {
                text.small x=(LEFT + hour * CELL) y="14" { (hour) ":00" }
            }
            @for (row, day) in days.iter().enumerate() {
                @if days.len() <= 35 || row % 7 == 0 {
                    text.small x="0" y=(TOP + row * CELL + 13) { (day.day) }
                }
            }
            @for (class, path) in classes.zip(&paths) { path class=(class) d=(path) {} }
        }
        (key(&keys))
    }
}

/// What expires, a column for each week.
pub(super) fn weeks(weeks: &[Week]) -> Markup {
    const WIDTH: usize = 24;
    const HEIGHT: usize = 120;
    let sum = |it: &Week| it.tagged + it.others + it.credentials;
    let most = weeks.iter().map(sum).max().unwrap_or_default().max(1);
    let high = |count: usize| (count * HEIGHT).div_ceil(most);
    let (width, height) = (weeks.len() * WIDTH + 30, HEIGHT + 46);
    html! {
        svg role="img" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
            aria-label="What expires, by week; the table below has the same figures" {
            @for (at, it) in weeks.iter().enumerate() {
                @let x = at * WIDTH;
                @let (a, b, c) = (high(it.tagged), high(it.others), high(it.credentials));
                @let base = HEIGHT + 18;
                @if sum(it) > 0 { text.small x=(x) y=(base.saturating_sub(a + b + c + 4)) { (sum(it)) } }
                rect.m1 x=(x) y=(base.saturating_sub(a)) width=(WIDTH - 4) height=(a) {}
                rect.m2 x=(x) y=(base.saturating_sub(a + b)) width=(WIDTH - 4) height=(b) {}
                rect.m3 x=(x) y=(base.saturating_sub(a + b + c)) width=(WIDTH - 4) height=(c) {}
                @if at % 4 == 0 { text.small x=(x) y=(base + 18) { (it.from) } }
            }
            path.axis d={ "M0 " (HEIGHT + 18) "h" (width) } {}
        }
    }
}

/// The most routes that are drawn; the table has more.
const DRAWN: usize = 30;

/// Routes on the left, their routers on the right.
pub(super) fn routes(routes: &[Route]) -> Markup {
    const STEP: usize = 24;
    let drawn = routes.get(..DRAWN).unwrap_or(routes);
    let mut right: Vec<(&str, bool)> = Vec::new();
    for router in drawn.iter().flat_map(|it| &it.routers) {
        if !right.iter().any(|it| it.0 == router.name) {
            right.push((&router.name, router.online));
        }
    }
    let height = drawn.len().max(right.len()) * STEP + 8;
    let y = |at: usize| at * STEP + 14;
    html! {
        svg role="img" viewBox={ "0 0 640 " (height) } width="640" height=(height)
            aria-label="Routes and the routers that serve them; the table below has the same" {
            @for (at, route) in drawn.iter().enumerate() {
                @for router in &route.routers {
                    @let to = right.iter().position(|it| it.0 == router.name).unwrap_or_default();
                    @let serves = router.online && router.approved && router.advertised;
                    path class=(if serves { "link" } else { "link off" })
                        d={ "M250 " (y(at)) "C320 " (y(at)) " 320 " (y(to)) " 390 " (y(to)) } {}
                }
            }
            @for (at, route) in drawn.iter().enumerate() {
                text x="0" y=(y(at) + 4) { (short(&route.route, 36)) }
            }
            @for (at, (name, online)) in right.iter().enumerate() {
                circle class=(if *online { "up" } else { "down" }) cx="396" cy=(y(at)) r="5" {}
                text x="408" y=(y(at) + 4) { (short(name, 30)) @if !online { " (not connected)" } }
            }
        }
        @if routes.len() > drawn.len() {
            p.soft { "The picture has the first " (drawn.len()) " routes." }
        }
    }
}

/// A name that fits.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let start: String = name.chars().take(most - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(short("0123456789", 10), "0123456789");
        assert_eq!(short("0123456789a", 10), "012345678…");
    }

    #[test]
    fn nothing_is_drawn_unescaped() {
        let route = super::Route { route: "<b>".to_owned(), routers: Vec::new() };
        let drawn = super::routes(&[route]).into_string();
        assert!(drawn.contains("&lt;b&gt;"), "{drawn}");
    }
}
