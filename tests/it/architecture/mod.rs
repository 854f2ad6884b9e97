//! Which room may use which. The compiler cannot see it between modules; this can.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{UseTree, visit::Visit};

use self::allowed::{AT_ROOT, MAY_USE, ONLY_IN};

mod allowed;

const MAX_FILE_LINES: usize = 420;

#[test]
fn every_room_uses_only_the_rooms_that_it_may() {
    let mut wrong = Vec::new();
    for (room, used) in arrows(Path::new("src")) {
        let Some((_, may, why)) = MAY_USE.iter().find(|(name, ..)| *name == room) else {
            wrong.push(format!("src/{room} is not in the matrix"));
            continue;
        };
        for (target, file) in used.iter().filter(|(target, _)| !may.contains(&target.as_str())) {
            wrong.push(format!("{file} uses `{target}`, which {room} may not: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// In the order of the matrix, every arrow points back: so no arrows make a circle.
#[test]
fn the_rooms_are_in_no_circle() {
    let place = |room: &str| MAY_USE.iter().position(|(name, ..)| *name == room);
    for (room, may, _) in MAY_USE {
        for target in *may {
            // Crates of their own cannot point back.
            let of_its_own = matches!(*target, "policy" | "sandbox");
            assert!(of_its_own || place(target) < place(room), "{room} -> {target}");
        }
    }
}

/// An arrow that nobody needs any more leaves the matrix.
#[test]
fn every_arrow_of_the_matrix_is_used() {
    let arrows = arrows(Path::new("src"));
    let mut unused = Vec::new();
    // What is generated is not read here.
    for (room, may, _) in MAY_USE.iter().filter(|(room, ..)| *room != "api") {
        let used =
            |target: &&&str| arrows.get(*room).is_some_and(|used| used.contains_key(**target));
        unused
            .extend(may.iter().filter(|target| !used(target)).map(|it| format!("{room} -> {it}")));
    }
    assert!(unused.is_empty(), "nobody uses {unused:?}");
}

/// Room → room it uses → a file that does.
fn arrows(src: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    visit(src, &mut |path, text| {
        let room = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if matches!(room.as_str(), "lib" | "main") {
            return;
        }
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        let used = all.entry(room.clone()).or_default();
        for name in paths.0 {
            let at_root = AT_ROOT.iter().find(|(it, _)| *it == name);
            let target = at_root.map_or(name.as_str(), |(_, room)| room);
            if target != room {
                used.entry(target.to_owned()).or_insert_with(|| path.to_owned());
            }
        }
    });
    all
}

/// What follows `crate::` in a file, its unit tests left out.
#[derive(Default)]
struct Paths(BTreeSet<String>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        if let UseTree::Path(path) = tree
            && path.ident == "crate"
        {
            self.first_names(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut names = path.segments.iter().map(|segment| segment.ident.to_string());
        if names.next().is_some_and(|first| first == "crate") {
            self.0.extend(names.next());
        }
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    fn first_names(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => drop(self.0.insert(path.ident.to_string())),
            UseTree::Name(name) => drop(self.0.insert(name.ident.to_string())),
            UseTree::Rename(name) => drop(self.0.insert(name.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.first_names(item)),
            UseTree::Glob(_) => {}
        }
    }
}

#[test]
fn some_words_stay_in_their_place() {
    let mut wrong = Vec::new();
    visit(Path::new("src"), &mut |path, text| {
        for (word, places, why) in ONLY_IN {
            let uses = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(&format!("{word}::")) || code.contains(&format!("{word}("))
            });
            if uses && !places.iter().any(|place| path.starts_with(place)) {
                wrong.push(format!("{path} uses `{word}`: {why}"));
            }
        }
        if path.contains("/tools") && text.contains("crate::api") {
            wrong.push(format!("{path}: a tool talks to its domain, never to the typed client"));
        }
    });
    visit(Path::new("crates/policy/src"), &mut |path, text| {
        for word in ["tokio", "async ", "std::net::Tcp", "std::fs"] {
            if text.contains(word) {
                wrong.push(format!("{path} mentions `{word}`: the policy engine is pure"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The library says what to do; how it is called is for each surface to say.
#[test]
fn the_library_names_no_tool_and_no_option() {
    let tools: Vec<&str> = tailsteward::catalogue::all().map(|tool| tool.name).collect();
    let mut wrong = Vec::new();
    for room in ["src/tailnet", "src/client", "src/change", "src/checks"] {
        visit(Path::new(room), &mut |path, text| {
            if path.contains("/tools") {
                return;
            }
            let mut texts = Texts::default();
            texts.visit_file(&syn::parse_file(text).unwrap());
            for text in texts.0 {
                let word = |it: &&str| {
                    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == *it)
                };
                // `remove_tags` is a parameter of the library, too.
                let named = tools.iter().find(|it| word(it) && text != **it);
                let option = text.contains(" --") && !text.contains("`tailscale ");
                if named.is_some() || option {
                    wrong.push(format!("{path}: {text:?}"));
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The string literals of a file, its unit tests left out.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.0.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        // The texts of `format!` and its like.
        for token in called.tokens.clone() {
            if let proc_macro2::TokenTree::Literal(literal) = token
                && let syn::Lit::Str(text) = syn::Lit::new(literal)
            {
                self.0.push(text.value());
            }
        }
    }
}

/// Words of an idiom that this code once had. They are rare on purpose: each has a plain one.
#[test]
fn the_old_idiom_stays_away() {
    const MOST: usize = 60;
    let mut lines = Vec::new();
    for folder in ["src", "crates"] {
        visit(Path::new(folder), &mut |path, text| {
            for line in text.lines() {
                let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                if words.any(|word| ["told", "said", "worn", "grave", "whole"].contains(&word)) {
                    lines.push(format!("{path}: {line}"));
                }
            }
        });
    }
    assert!(lines.len() < MOST, "{} lines:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is_and_is_short_enough_to_read() {
    let mut wrong = Vec::new();
    for folder in ["src", "build", "tests", "crates", "benches"] {
        visit(Path::new(folder), &mut |path, text| {
            if !text.starts_with("//!") {
                wrong.push(format!("{path}: no `//!` on top"));
            }
            let lines = text.lines().count();
            if lines > MAX_FILE_LINES {
                wrong.push(format!("{path}: {lines} lines; split it"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The crate, organisation and registry entry of that name belong to another project.
#[test]
fn the_old_name_is_nowhere() {
    let old = [["tailscale", "mcp"].join("-"), ["tailscale", "mcp"].join("_")];
    let mut found = Vec::new();
    for_each_file(Path::new("."), &mut |path| {
        // A file that is no text has no names in it.
        let text = fs::read_to_string(path).unwrap_or_default().to_lowercase();
        let name = path.to_string_lossy().to_lowercase();
        if old.iter().any(|old| text.contains(old) || name.contains(old)) {
            found.push(path.display().to_string());
        }
    });
    assert!(found.is_empty(), "the old name is another project's: {found:?}");
}

fn visit(folder: &Path, check: &mut impl FnMut(&str, &str)) {
    for_each_file(folder, &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.to_str().unwrap().replace('\\', "/");
            check(&name, &fs::read_to_string(path).unwrap());
        }
    });
}

fn for_each_file(folder: &Path, visit: &mut impl FnMut(&Path)) {
    const NOT_OURS: &[&str] = &[".git", "target", "node_modules"];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !NOT_OURS.contains(&name.as_ref()) {
            for_each_file(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}
