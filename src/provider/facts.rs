//! Reads the embedded facts files; a type is unpacked and parsed when it is first asked for. `specs/providers/SOURCE.md` has the format.

use super::{Limits, Member, NativeKind, NativeType, Object, Presence, Provider, Relation, Replaces, Shape, TagShape};
use crate::embedded::{self, FactsFile};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The facts of a target: those of one provider, or of several.
#[derive(Debug)]
pub struct Facts {
    parts: Vec<Part>,
}

impl Facts {
    /// The facts files of these names, which spaces part.
    pub fn open(names: &str) -> Option<Facts> {
        let parts: Option<Vec<Part>> = names.split_ascii_whitespace().map(Part::open).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| Facts { parts })
    }
}

impl Provider for Facts {
    fn native_type(&self, kind: NativeKind, name: &str) -> Option<Rc<NativeType>> {
        self.parts.iter().find_map(|part| part.native_type(kind, name))
    }

    fn names(&self, kind: NativeKind) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.names(kind)).collect()
    }
}

/// One facts file.
#[derive(Debug)]
struct Part {
    file: &'static FactsFile,
    types: RefCell<HashMap<String, Option<Rc<NativeType>>>>,
    pieces: RefCell<HashMap<usize, Rc<str>>>,
}

impl Part {
    fn open(name: &str) -> Option<Part> {
        let file = embedded::FACTS.iter().find(|file| file.name == name)?;
        Some(Part { file, types: RefCell::default(), pieces: RefCell::default() })
    }

    fn piece(&self, index: usize) -> Rc<str> {
        if let Some(piece) = self.pieces.borrow().get(&index) {
            return Rc::clone(piece);
        }
        let text = self.file.pieces.get(index).and_then(|&(_, start, end)| self.file.packed.get(start as usize..end as usize)).and_then(|packed| {
            let bytes = lz4_flex::decompress_size_prepended(packed).ok()?;
            String::from_utf8(bytes).ok()
        });
        let piece: Rc<str> = text.unwrap_or_default().into();
        self.pieces.borrow_mut().insert(index, Rc::clone(&piece));
        piece
    }

    fn read(&self, key: &str) -> Option<NativeType> {
        let after = self.file.pieces.partition_point(|(first, ..)| *first <= key);
        let piece = self.piece(after.checked_sub(1)?);
        let (kind, name) = key.split_once(' ')?;
        let header = format!("={kind}\t{name}");
        let start = piece.match_indices(&header).map(|(at, _)| at).find(|&at| {
            let before = at == 0 || piece.as_bytes().get(at - 1) == Some(&b'\n');
            before && matches!(piece.as_bytes().get(at + header.len()), Some(b'\n' | b'\t') | None)
        })?;
        let rest = piece.get(start..)?;
        let block = rest.find("\n=").and_then(|end| rest.get(..end)).unwrap_or(rest);
        Some(parse(block))
    }

    fn native_type(&self, kind: NativeKind, name: &str) -> Option<Rc<NativeType>> {
        let key = format!("{} {name}", kind.word());
        if let Some(known) = self.types.borrow().get(&key) {
            return known.clone();
        }
        let found = self.read(&key).or_else(|| self.looked_up(kind, name)).map(Rc::new);
        self.types.borrow_mut().insert(key, found.clone());
        found
    }

    /// Where a template names the version of a type, what exists is one of the type that is not made: it is known by its name alone.
    fn looked_up(&self, kind: NativeKind, name: &str) -> Option<NativeType> {
        let made = (kind == NativeKind::Data).then(|| self.read(&format!("{} {name}", NativeKind::Resource.word())))??;
        let mut found = made.version.is_some().then_some(made)?;
        let unasked = |member: &mut super::Member| member.presence = if member.presence == Presence::Required { Presence::Optional } else { member.presence };
        found.objects.iter_mut().flat_map(|object| &mut object.members).filter(|member| member.name != "name").for_each(unasked);
        Some(found)
    }

    fn names(&self, kind: NativeKind) -> Vec<String> {
        let prefix = format!("={}\t", kind.word());
        let mut names = Vec::new();
        for index in 0..self.file.pieces.len() {
            let piece = self.piece(index);
            names.extend(piece.lines().filter_map(|line| line.strip_prefix(&prefix)).map(|rest| rest.split('\t').next().unwrap_or("").to_owned()));
        }
        names
    }
}

fn parse(block: &str) -> NativeType {
    let mut lines = block.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split('\t').collect();
    let mut ty = NativeType {
        name: header.get(1).copied().unwrap_or_default().to_owned(),
        tags: None,
        version: None,
        relations: Vec::new(),
        objects: vec![Object::default()],
        attributes: Vec::new(),
    };
    for field in header.iter().skip(2) {
        let Some((name, value)) = field.split_once('=') else { continue };
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let pair = || value.split_once(':').map(|(first, rest)| (first.to_owned(), names(rest)));
        match name {
            "tags" => {
                let shape = |shape| match shape {
                    "map" => TagShape::Map,
                    "words" => TagShape::Words,
                    _ => TagShape::List,
                };
                ty.tags = value.split_once(':').map(|(name, tags)| (name.to_owned(), shape(tags)));
            }
            "version" => ty.version = Some(value.to_owned()),
            "xor" => ty.relations.push(Relation::ExactlyOne(names(value))),
            "or" => ty.relations.push(Relation::AtLeastOne(names(value))),
            "needs" => ty.relations.extend(pair().map(|(first, rest)| Relation::Needs(first, rest))),
            "excludes" => ty.relations.extend(pair().map(|(first, rest)| Relation::Excludes(first, rest))),
            _ => {}
        }
    }
    // Definitions are referred to before they stand, so their names get their places first.
    let names: HashMap<&str, usize> = block.lines().filter_map(|line| line.strip_prefix('@')).enumerate().map(|(index, name)| (name, index + 1)).collect();
    for line in lines {
        if line.starts_with('@') {
            ty.objects.push(Object::default());
        } else if let Some(attribute) = line.strip_prefix('*') {
            let (name, shape_text) = attribute.split_once('\t').unwrap_or((attribute, "string"));
            ty.attributes.push((name.to_owned(), shape(shape_text, &names)));
        } else if let (Some(member), Some(object)) = (member(line, &names), ty.objects.last_mut()) {
            object.members.push(member);
        }
    }
    ty
}

fn member(line: &str, names: &HashMap<&str, usize>) -> Option<Member> {
    let mut fields = line.split('\t');
    let name = fields.next()?.to_owned();
    let shape = shape(fields.next()?, names);
    let flags = fields.next().unwrap_or("o");
    let presence = match flags.chars().next() {
        Some('!') => Presence::Required,
        Some('r') => Presence::ReadOnly,
        _ => Presence::Optional,
    };
    let mut member = Member {
        name,
        shape,
        presence,
        replaces: match flags {
            _ if flags.contains('n') => Replaces::Always,
            _ if flags.contains('v') => Replaces::Maybe,
            _ if flags.contains('l') => Replaces::Lower,
            _ => Replaces::Never,
        },
        computed: flags.starts_with('c'),
        keeps_secret: flags.contains(['w', 's']),
        limits: Limits::default(),
        item_limits: Limits::default(),
    };
    for field in fields {
        let (target, field) = match field.strip_prefix("item.") {
            Some(rest) => (&mut member.item_limits, rest.trim_start_matches("item.")),
            None => (&mut member.limits, field),
        };
        let Some((key, value)) = field.split_once('=') else {
            target.unique |= field == "unique";
            continue;
        };
        match key {
            "enum" => target.one_of = Some(split_escaped(value)),
            "ienum" => {
                target.one_of = Some(split_escaped(value));
                target.any_case = true;
            }
            "const" => target.one_of = Some(vec![value.to_owned()]),
            "pattern" => target.pattern = Some(value.to_owned()),
            "min" => target.min = value.parse().ok(),
            "max" => target.max = value.parse().ok(),
            "minlen" => target.min_length = value.parse().ok(),
            "maxlen" => target.max_length = value.parse().ok(),
            "minitems" => target.min_items = value.parse().ok(),
            "maxitems" => target.max_items = value.parse().ok(),
            _ => {}
        }
    }
    Some(member)
}

fn split_escaped(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        match (c, escaped, parts.last_mut()) {
            (_, Some(next), Some(last)) => last.push(next),
            ('|', None, _) => parts.push(String::new()),
            (other, None, Some(last)) => last.push(other),
            _ => {}
        }
    }
    parts
}

/// What follows `list`, `set` or `map` belongs to its items, so a union's alternatives are taken from the left.
fn shape(text: &str, names: &HashMap<&str, usize>) -> Shape {
    let mut alternatives = Vec::new();
    let mut rest = text;
    loop {
        let container = ["list ", "set ", "map "].into_iter().find_map(|word| rest.strip_prefix(word).map(|inner| (word, inner)));
        if let Some((word, inner)) = container {
            let inner = Box::new(shape(inner, names));
            alternatives.push(if word == "map " { Shape::Map(inner) } else { Shape::List(inner) });
            break;
        }
        let (first, more) = rest.split_once('/').map_or((rest, None), |(first, more)| (first, Some(more)));
        let object = |name: &str| names.get(name.trim_start_matches('@')).copied().unwrap_or(0);
        alternatives.push(match first {
            "string" => Shape::String,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            _ if first.starts_with('@') => Shape::Object(object(first)),
            _ => match first.strip_prefix("block:").and_then(|block| block.split_once(' ')) {
                Some((mode, name)) => Shape::Block(object(name), mode == "list" || mode == "set"),
                None => Shape::Json,
            },
        });
        match more {
            Some(more) => rest = more,
            None => break,
        }
    }
    match alternatives.len() {
        1 => alternatives.swap_remove(0),
        _ => Shape::AnyOf(alternatives),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_type_by_its_name() {
        let facts = Facts::open("cloudformation").unwrap();
        let ty = facts.native_type(NativeKind::Resource, "AWS::RDS::DBInstance").unwrap();
        assert_eq!(ty.name, "AWS::RDS::DBInstance");
        assert_eq!(ty.tags, Some(("Tags".to_owned(), TagShape::List)));
        assert_eq!(ty.attribute("Endpoint.Address"), Some(Shape::String));
        assert_eq!(ty.attribute("Endpoint.Nowhere"), None);
        assert!(facts.native_type(NativeKind::Resource, "AWS::RDS::DB").is_none());
        assert!(facts.names(NativeKind::Resource).len() > 1500);
    }

    #[test]
    fn a_target_may_have_the_facts_of_several_providers() {
        let facts = Facts::open("terraform-openstack terraform-azurerm").unwrap();
        for name in ["openstack_dns_zone_v2", "azurerm_dns_zone"] {
            assert_eq!(facts.native_type(NativeKind::Resource, name).unwrap().name, name);
        }
        assert!(Facts::open("terraform-openstack nowhere").is_none());
        assert!(Facts::open(" ").is_none());
    }

    #[test]
    fn every_type_of_every_provider_can_be_found() {
        for file in embedded::FACTS {
            let facts = Facts::open(file.name).unwrap();
            for kind in [NativeKind::Resource, NativeKind::Data, NativeKind::Ephemeral] {
                for name in facts.names(kind) {
                    assert_eq!(facts.native_type(kind, &name).map(|ty| ty.name.clone()), Some(name));
                }
            }
        }
    }

    #[test]
    fn unions_belong_to_what_they_follow() {
        let none = HashMap::new();
        assert_eq!(
            shape("string/list string/json", &none),
            Shape::AnyOf(vec![Shape::String, Shape::List(Box::new(Shape::AnyOf(vec![Shape::String, Shape::Json])))])
        );
    }
}
