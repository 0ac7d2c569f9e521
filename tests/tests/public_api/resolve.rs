//! Which item a path means: through modules, imports and globs of the library itself.

use super::source::Module;
use syn::{Item, UseTree};

/// Imports of imports followed at most.
const DEPTH: usize = 16;

/// What a path means.
#[derive(Clone)]
pub(crate) enum Found<'a> {
    /// An item.
    Item(&'a Item),
    /// A module, by its path from the root.
    Module(Vec<String>),
}

/// One name of a `use`: the path it stands for and the name it is given.
pub(crate) struct Leaf {
    pub(crate) path: Vec<String>,
    /// None for a glob.
    pub(crate) name: Option<String>,
}

/// The names of a `use`.
pub(crate) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut out = Vec::new();
    collect(tree, &mut Vec::new(), &mut out);
    out
}

fn collect(tree: &UseTree, prefix: &mut Vec<String>, out: &mut Vec<Leaf>) {
    let whole = |last: &syn::Ident, prefix: &[String]| {
        let mut path = prefix.to_vec();
        if last != "self" {
            path.push(last.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            collect(&path.tree, prefix, out);
            prefix.pop();
        }
        UseTree::Name(name) => {
            let path = whole(&name.ident, prefix);
            out.push(Leaf { name: path.last().cloned(), path });
        }
        UseTree::Rename(renamed) => {
            out.push(Leaf { path: whole(&renamed.ident, prefix), name: Some(renamed.rename.to_string()) });
        }
        UseTree::Glob(_) => out.push(Leaf { path: prefix.clone(), name: None }),
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, prefix, out)),
    }
}

/// What the path means in this module of the library; none when it leads out of it, or to what a macro makes.
pub(crate) fn resolve<'a>(root: &'a Module, module: &[String], path: &[String], depth: usize) -> Option<Found<'a>> {
    if depth > DEPTH {
        return None;
    }
    let mut at = module.to_vec();
    for (place, name) in path.iter().enumerate() {
        match name.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()?),
            _ => match find(root, &at, name, place + 1 == path.len(), depth)? {
                Found::Module(found) => at = found,
                item @ Found::Item(_) => return (place + 1 == path.len()).then_some(item),
            },
        }
    }
    Some(Found::Module(at))
}

/// What the name means in this module: an item, an import, or a module. A name that is followed by others is a module first: a function may share its
/// name.
fn find<'a>(root: &'a Module, at: &[String], name: &str, last: bool, depth: usize) -> Option<Found<'a>> {
    let module = root.at(at)?;
    if let Some(item) = module.items.iter().find(|item| name_of(item).is_some_and(|own| own == name)) {
        return Some(Found::Item(item));
    }
    let child = || Some(Found::Module(at.iter().cloned().chain([name.to_owned()]).collect()));
    let has_child = module.children.contains_key(name);
    if has_child && !last {
        return child();
    }
    let imports =
        module.items.iter().filter_map(|item| if let Item::Use(import) = item { Some(leaves(&import.tree)) } else { None });
    for leaf in imports.flatten() {
        let found = match &leaf.name {
            Some(given) if given == name => resolve(root, at, &leaf.path, depth + 1),
            Some(_) => None,
            None => match resolve(root, at, &leaf.path, depth + 1) {
                Some(Found::Module(globbed)) if globbed != at => find(root, &globbed, name, last, depth + 1),
                _ => None,
            },
        };
        if found.is_some() {
            return found;
        }
    }
    if has_child { child() } else { None }
}

/// The name of an item that can be named by a path.
pub(crate) fn name_of(item: &Item) -> Option<&syn::Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        _ => None,
    }
}
