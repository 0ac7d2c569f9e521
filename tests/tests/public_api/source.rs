//! A library's source as a tree of modules. What is compiled for tests only is left out.

use std::collections::BTreeMap;
use std::path::Path;
use syn::{Attribute, Item};

/// A module: its items, and the modules below it.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) items: Vec<Item>,
    pub(crate) children: BTreeMap<String, Self>,
}

impl Module {
    /// The module of this file, with all below it.
    pub(crate) fn load(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let parsed = syn::parse_file(&text);
        assert!(parsed.is_ok(), "{} cannot be parsed", file.display());
        let folder = file.parent().unwrap();
        let stem = file.file_stem().unwrap();
        let below = if stem == "lib" || stem == "mod" { folder.to_owned() } else { folder.join(stem) };
        Self::of(parsed.map(|file| file.items).unwrap_or_default(), &below)
    }

    fn of(items: Vec<Item>, below: &Path) -> Self {
        let mut module = Self::default();
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            if let Item::Mod(declared) = &item {
                let name = declared.ident.to_string();
                let child = match &declared.content {
                    Some((_, items)) => Self::of(items.clone(), &below.join(&name)),
                    None if below.join(format!("{name}.rs")).exists() => Self::load(&below.join(format!("{name}.rs"))),
                    None => Self::load(&below.join(&name).join("mod.rs")),
                };
                module.children.insert(name, child);
            }
            module.items.push(item);
        }
        module
    }

    /// The module at this path below this one.
    pub(crate) fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |module, name| module.children.get(name))
    }
}

/// Whether the attributes say `#[cfg(test)]`.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    let tests = |attribute: &Attribute| attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test");
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && tests(attribute))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
