//! Items as lines: what a user of the library sees of each, without bodies, comments and private parts.

use syn::punctuated::Punctuated;
use syn::{
    Attribute, Field, Fields, ImplItem, Item, ItemEnum, ItemFn, ItemImpl, ItemStruct, ItemTrait, Path, Signature, Token,
    TraitItem, Type, Variant, Visibility,
};

/// The lines of an item that is shown under this path.
pub(crate) fn lines(shown: &str, item: &Item) -> Vec<String> {
    match item {
        Item::Struct(item) => of_struct(shown, item),
        Item::Enum(item) => of_enum(shown, item),
        Item::Trait(item) => of_trait(shown, item),
        Item::Fn(item) => vec![signature(shown, &item.sig)],
        Item::Const(item) => vec![format!("pub const {shown}: {}", type_text(&item.ty))],
        Item::Static(item) => vec![format!("pub static {shown}: {}", type_text(&item.ty))],
        Item::Type(item) => {
            let whole = text(Item::Type(syn::ItemType { attrs: Vec::new(), ..item.clone() }));
            vec![whole.replacen(&item.ident.to_string(), shown, 1).trim_end_matches(';').to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The lines of an implementation for the type that is shown under this path.
pub(crate) fn of_impl(shown: &str, item: &ItemImpl) -> Vec<String> {
    if item.trait_.is_some() {
        let head = text(Item::Impl(ItemImpl { attrs: Vec::new(), items: Vec::new(), ..item.clone() }));
        let head = head.trim_end_matches(" {}");
        let named = type_name(&item.self_ty).unwrap_or_default();
        let line = head.rsplit_once(" for ").map(|(before, own)| format!("{before} for {}", own.replacen(&named, shown, 1)));
        return line.into_iter().collect();
    }
    let public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    let line = |item: &ImplItem| match item {
        ImplItem::Fn(method) if public(&method.vis) => Some(signature(&format!("{shown}::{}", method.sig.ident), &method.sig)),
        ImplItem::Const(constant) if public(&constant.vis) => {
            Some(format!("pub const {shown}::{}: {}", constant.ident, type_text(&constant.ty)))
        }
        _ => None,
    };
    item.items.iter().filter_map(line).collect()
}

/// The last name of a type's path, and of the type a reference or a trait object leads to none.
pub(crate) fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn of_struct(shown: &str, item: &ItemStruct) -> Vec<String> {
    let bare =
        ItemStruct { attrs: Vec::new(), fields: Fields::Unit, semi_token: Some(Token![;](item.ident.span())), ..item.clone() };
    let head = text(Item::Struct(bare)).trim_end_matches(';').replacen(&item.ident.to_string(), shown, 1);
    let mut lines = vec![format!("{}{head}", non_exhaustive(&item.attrs))];
    for (place, field) in item.fields.iter().enumerate().filter(|(_, field)| matches!(field.vis, Visibility::Public(_))) {
        let name = field.ident.as_ref().map_or_else(|| place.to_string(), ToString::to_string);
        lines.push(format!("pub {shown}::{name}: {}", type_text(&field.ty)));
    }
    lines.extend(derived(shown, &item.attrs));
    lines
}

fn of_enum(shown: &str, item: &ItemEnum) -> Vec<String> {
    let bare = ItemEnum { attrs: Vec::new(), variants: Punctuated::new(), ..item.clone() };
    let head = text(Item::Enum(bare.clone())).trim_end_matches(" {}").replacen(&item.ident.to_string(), shown, 1);
    let mut lines = vec![format!("{}{head}", non_exhaustive(&item.attrs))];
    for variant in &item.variants {
        let mut fields = variant.fields.clone();
        fields.iter_mut().for_each(|field: &mut Field| field.attrs.clear());
        let plain = Variant { attrs: Vec::new(), fields, discriminant: None, ..variant.clone() };
        let one = text(Item::Enum(ItemEnum { variants: Punctuated::from_iter([plain]), ..bare.clone() }));
        let inside = one.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map(|(inside, _)| inside.trim());
        lines.push(format!(
            "{}pub {shown}::{}",
            non_exhaustive(&variant.attrs),
            inside.unwrap_or_default().trim_end_matches(',')
        ));
    }
    lines.extend(derived(shown, &item.attrs));
    lines
}

fn of_trait(shown: &str, item: &ItemTrait) -> Vec<String> {
    let bare = ItemTrait { attrs: Vec::new(), items: Vec::new(), ..item.clone() };
    let mut lines = vec![text(Item::Trait(bare)).trim_end_matches(" {}").replacen(&item.ident.to_string(), shown, 1)];
    lines.extend(item.items.iter().filter_map(|item| match item {
        TraitItem::Fn(method) => {
            let provided = if method.default.is_some() { " (provided)" } else { "" };
            Some(format!("{}{provided}", signature(&format!("{shown}::{}", method.sig.ident), &method.sig)))
        }
        TraitItem::Type(own) => Some(format!("pub type {shown}::{}", own.ident)),
        TraitItem::Const(own) => Some(format!("pub const {shown}::{}: {}", own.ident, type_text(&own.ty))),
        _ => None,
    }));
    lines
}

fn signature(shown: &str, of: &Signature) -> String {
    let mut of = of.clone();
    of.inputs.iter_mut().for_each(|input| match input {
        syn::FnArg::Receiver(own) => own.attrs.clear(),
        syn::FnArg::Typed(own) => own.attrs.clear(),
    });
    let name = of.ident.to_string();
    let Ok(function) = syn::parse_str::<ItemFn>("pub fn a() {}").map(|function| ItemFn { sig: of, ..function }) else {
        return String::new();
    };
    text(Item::Fn(function)).trim_end_matches(" {}").replacen(&format!("fn {name}"), &format!("fn {shown}"), 1)
}

fn type_text(of: &Type) -> String {
    let alias = syn::parse_str::<syn::ItemType>("type A = u8;").map(|alias| syn::ItemType { ty: Box::new(of.clone()), ..alias });
    let whole = alias.map(|alias| text(Item::Type(alias))).unwrap_or_default();
    whole.trim_start_matches("type A = ").trim_end_matches(';').to_owned()
}

fn non_exhaustive(attributes: &[Attribute]) -> &'static str {
    if attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive")) { "#[non_exhaustive] " } else { "" }
}

fn derived(shown: &str, attributes: &[Attribute]) -> Vec<String> {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let traits = derives.filter_map(|attribute| attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok());
    let names = traits.flatten().filter_map(|path| path.segments.last().map(|segment| segment.ident.to_string()));
    names.map(|name| format!("impl {name} for {shown}")).collect()
}

/// An item in one line.
fn text(item: Item) -> String {
    let pretty = prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items: vec![item], frontmatter: None });
    let line = pretty.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let joined = line.replace("( ", "(").replace(", )", ")").replace(" )", ")").replace("< ", "<").replace(", >", ">");
    joined.replace(", }", " }").trim().to_owned()
}
