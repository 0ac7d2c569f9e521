//! The lines of a library: every item its users can name, each under the shortest path they can name it by.

use super::item;
use super::resolve::{Found, leaves, resolve};
use super::source::Module;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, ItemImpl, Type, Visibility};

/// Modules within modules followed at most.
const DEPTH: usize = 12;

/// Paths of an item, the one with the fewest names first.
type Paths = BTreeSet<(usize, String)>;

struct Walk<'a> {
    root: &'a Module,
    lines: BTreeSet<String>,
    /// Every item with the paths it is shown under.
    shown: BTreeMap<*const Item, (&'a Item, Paths)>,
}

/// The lines of the library, in order.
pub(crate) fn list(library: &str, root: &Module) -> Vec<String> {
    let mut walk = Walk { root, lines: BTreeSet::new(), shown: BTreeMap::new() };
    walk.module(&[], library, 0);
    let (mut lines, shown) = (walk.lines, walk.shown);
    let mut implementations = Vec::new();
    gather(root, &mut Vec::new(), &mut implementations);
    for (item, paths) in shown.into_values() {
        let mut paths = paths.into_iter().map(|(_, path)| path);
        let Some(first) = paths.next() else { continue };
        lines.extend(item::lines(&first, item));
        lines.extend(paths.map(|path| format!("pub use {path} = {first}")));
        for (place, implementation) in &implementations {
            if is_for(root, place, implementation, item) {
                lines.extend(item::of_impl(&first, implementation));
            }
        }
    }
    lines.into_iter().collect()
}

impl<'a> Walk<'a> {
    /// What the module shows under this path.
    fn module(&mut self, at: &[String], shown: &str, depth: usize) {
        let Some(module) = self.root.at(at).filter(|_| depth < DEPTH) else { return };
        for item in &module.items {
            match item {
                Item::Mod(child) if is_public(&child.vis) => {
                    let name = child.ident.to_string();
                    self.lines.insert(format!("pub mod {shown}::{name}"));
                    let below: Vec<String> = at.iter().cloned().chain([name.clone()]).collect();
                    self.module(&below, &format!("{shown}::{name}"), depth + 1);
                }
                Item::Use(import) if is_public(&import.vis) => {
                    for leaf in leaves(&import.tree) {
                        self.import(at, &leaf.path, leaf.name.as_deref(), shown, depth);
                    }
                }
                Item::Macro(made) if made.ident.is_none() => {
                    self.lines.insert(format!("{}! {{ {} }} in {shown}", name_of_macro(made), words(made)));
                }
                item => {
                    if let Some(name) = public_name(item) {
                        self.show(item, format!("{shown}::{name}"));
                    }
                }
            }
        }
    }

    fn import(&mut self, at: &[String], path: &[String], name: Option<&str>, shown: &str, depth: usize) {
        match (resolve(self.root, at, path, 0), name) {
            (Some(Found::Item(item)), Some(name)) => self.show(item, format!("{shown}::{name}")),
            (Some(Found::Module(module)), Some(name)) => {
                self.lines.insert(format!("pub mod {shown}::{name}"));
                self.module(&module, &format!("{shown}::{name}"), depth + 1);
            }
            (Some(Found::Module(module)), None) => self.module(&module, shown, depth + 1),
            (_, name) => {
                self.lines.insert(format!("pub use {shown}::{} = {}", name.unwrap_or("*"), path.join("::")));
            }
        }
    }

    fn show(&mut self, item: &'a Item, path: String) {
        let segments = path.matches("::").count();
        self.shown.entry(item).or_insert_with(|| (item, Paths::new())).1.insert((segments, path));
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn public_name(item: &Item) -> Option<String> {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        _ => return None,
    };
    is_public(visibility).then(|| super::resolve::name_of(item).map(ToString::to_string))?
}

/// Every implementation of the library with the module it stands in.
fn gather<'a>(module: &'a Module, at: &mut Vec<String>, out: &mut Vec<(Vec<String>, &'a ItemImpl)>) {
    out.extend(
        module.items.iter().filter_map(|item| if let Item::Impl(found) = item { Some((at.clone(), found)) } else { None }),
    );
    for (name, child) in &module.children {
        at.push(name.clone());
        gather(child, at, out);
        at.pop();
    }
}

fn is_for(root: &Module, at: &[String], implementation: &ItemImpl, item: &Item) -> bool {
    let Type::Path(path) = implementation.self_ty.as_ref() else { return false };
    let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    matches!(resolve(root, at, &names, 0), Some(Found::Item(found)) if std::ptr::eq(found, item))
}

fn name_of_macro(made: &syn::ItemMacro) -> String {
    made.mac.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// The words a macro is given, without comments and attributes.
fn words(made: &syn::ItemMacro) -> String {
    let mut words = Vec::new();
    let mut attribute = false;
    for word in made.mac.tokens.clone().into_iter().map(|token| token.to_string()) {
        if !(word == "#" || (attribute && word.starts_with('['))) {
            words.push(word.clone());
        }
        attribute = word == "#";
    }
    words.join(" ")
}
