//! Native graphs to text: how each format spells a reference, a join, a parameter. An emitter cannot fail and decides nothing.

mod arm;
mod cloudformation;
mod heat;
mod json;
mod terraform;
mod words;

use crate::native::{Graph, NativeResource};
use crate::provider::NativeKind;
use crate::rules::Target;

/// The formats that a template can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Azure Resource Manager's JSON templates.
    Arm,
    /// CloudFormation, JSON or YAML.
    CloudFormation,
    /// Heat's own templates (HOT): YAML, of which the compact form is JSON.
    Heat,
    /// Terraform's JSON syntax.
    Terraform,
}

/// How the template is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Without line breaks and indentation.
    pub compact: bool,
    /// As YAML, where the format has it.
    pub yaml: bool,
}

/// What a cloud takes of a template, from its documentation.
#[derive(Debug, Clone, Copy)]
pub struct SizeLimits {
    /// Bytes that can be handed over directly.
    pub direct: Option<usize>,
    /// Bytes at most.
    pub bytes: Option<usize>,
    /// Resources at most.
    pub resources: Option<usize>,
    /// Parameters at most.
    pub params: Option<usize>,
    /// Outputs at most.
    pub outputs: Option<usize>,
    /// Characters of one expression at most.
    pub expression: Option<usize>,
}

impl SizeLimits {
    const NONE: SizeLimits = SizeLimits { direct: None, bytes: None, resources: None, params: None, outputs: None, expression: None };
}

impl Format {
    /// The format of this name in a `cloud.kdl`.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "arm" => Some(Format::Arm),
            "cloudformation" => Some(Format::CloudFormation),
            "heat" => Some(Format::Heat),
            "terraform" => Some(Format::Terraform),
            _ => None,
        }
    }

    /// The name of the artefact's file.
    pub fn file_name(self, style: Style) -> &'static str {
        match (self, style.yaml) {
            (Format::Arm, _) | (Format::CloudFormation, false) => "template.json",
            (Format::CloudFormation, true) => "template.yaml",
            (Format::Heat, _) => "template.yaml",
            (Format::Terraform, _) => "main.tf.json",
        }
    }

    /// Whether the format can be written as YAML.
    pub fn has_yaml(self) -> bool {
        self == Format::CloudFormation
    }

    /// A resource's name in the template, from the parts that it is made of.
    pub fn logical_name(self, parts: &[String]) -> String {
        match self {
            Format::CloudFormation => pascal(&parts.join("-")),
            Format::Arm | Format::Heat | Format::Terraform => snake(&parts.join("-")),
        }
    }

    /// An output's name in the template.
    pub fn output_name(self, name: &str) -> String {
        match self {
            Format::CloudFormation => pascal(name),
            Format::Arm | Format::Heat | Format::Terraform => name.replace('-', "_"),
        }
    }

    /// A parameter's name in the template.
    pub fn param_name(self, name: &str) -> String {
        match self {
            Format::CloudFormation => pascal(name),
            // Terraform keeps these for modules; no name of the stack ends with a dash, so none becomes this one.
            Format::Terraform if RESERVED.contains(&name) => format!("{}_", snake(name)),
            Format::Arm | Format::Heat | Format::Terraform => snake(name),
        }
    }

    /// The name space of parameters, when it is that of some resources.
    pub fn param_name_space(self) -> Option<String> {
        matches!(self, Format::CloudFormation | Format::Heat).then(String::new)
    }

    /// Resources of one name space need different names.
    pub fn name_space(self, resource: &NativeResource) -> String {
        match self {
            Format::Arm | Format::CloudFormation | Format::Heat => String::new(),
            Format::Terraform => format!("{:?} {}", resource.kind, resource.ty),
        }
    }

    /// What tells a resource from all others of a template: its name, with its type before it where that alone makes it one.
    pub fn address(self, kind: NativeKind, ty: &str, name: &str) -> String {
        match (self, kind) {
            (Format::Terraform, NativeKind::Resource) => format!("{ty}.{name}"),
            (Format::Terraform, kind) => format!("{}.{ty}.{name}", kind.word()),
            (Format::Arm | Format::CloudFormation | Format::Heat, _) => name.to_owned(),
        }
    }

    /// Whether the cloud knows a resource by a name of its own alone, and not by the one that it has in the template.
    pub fn forgets_names(self) -> bool {
        self == Format::Arm
    }

    /// What each resource is to the cloud, where its own name alone tells it from others: two of one identity cannot be in one template.
    pub fn identities(self, graph: &Graph) -> Vec<String> {
        match self {
            Format::Arm => arm::identities(graph),
            Format::CloudFormation | Format::Heat | Format::Terraform => Vec::new(),
        }
    }

    /// Why a text cannot be written so that it arrives unchanged.
    pub fn cannot_write(self, text: &str) -> Option<&'static str> {
        match self {
            Format::CloudFormation if text.contains("{{resolve:") => {
                Some("CloudFormation takes `{{resolve:` as a dynamic reference wherever it stands, and has no way to escape it")
            }
            Format::Terraform if !unicode_normalization::is_nfc(text) => Some("Terraform normalises every text to Unicode's form C, and this one is not in it"),
            _ if text.contains('\0') => Some("no template can hold the character U+0000"),
            _ => None,
        }
    }

    /// The type that a native type is a part of, by its name alone.
    pub fn container(self, ty: &str) -> Option<&str> {
        match self {
            // The first slash parts the provider from its types.
            Format::Arm => ty.rsplit_once('/').map(|(outer, _)| outer).filter(|outer| outer.contains('/')),
            Format::CloudFormation | Format::Heat | Format::Terraform => None,
        }
    }

    /// Whether a property can take what is read from another resource, or has to be known before anything is made.
    pub fn takes_what_is_read(self, property: &str) -> bool {
        self != Format::Arm || property == "properties"
    }

    /// Whether what can be read under this path is known before anything is made.
    pub fn known_from_names(self, path: &str) -> bool {
        self == Format::Arm && matches!(path, "id" | "name")
    }

    /// Whether a number that is known only when deployed has to be made a text where one is wanted.
    pub fn keeps_numbers(self) -> bool {
        self == Format::Arm
    }

    /// Whether the format has a word for what a rule says by `keep`, `otherwise`, `replace`, `ignore` or `expect` of a resource, or by a built-in.
    pub fn can_say(self, word: &str) -> bool {
        match self {
            // What stays in Azure is a matter of locks, which rules make; `keep` says what they are for.
            Format::Arm => !matches!(word, "otherwise" | "replace" | "ignore" | "expect"),
            // A replacement is always made first, and no property can be left to others.
            Format::CloudFormation | Format::Heat => !matches!(word, "replace" | "ignore" | "expect" | "pick" | "entry"),
            Format::Terraform => word != "otherwise",
        }
    }

    /// What the cloud takes of a template. Azure: "Template limits" in its documentation of templates; CloudFormation: "CloudFormation quotas" in its user guide; Heat: the defaults of its
    /// options `max_template_size` and `max_resources_per_stack`; Terraform has none.
    pub fn limits(self) -> SizeLimits {
        match self {
            Format::Arm => {
                SizeLimits { bytes: Some(4_194_304), resources: Some(800), params: Some(256), outputs: Some(64), expression: Some(24_576), ..SizeLimits::NONE }
            }
            Format::CloudFormation => {
                SizeLimits { direct: Some(51_200), bytes: Some(1_048_576), resources: Some(500), params: Some(200), outputs: Some(200), ..SizeLimits::NONE }
            }
            Format::Heat => SizeLimits { bytes: Some(524_288), resources: Some(1_000), ..SizeLimits::NONE },
            Format::Terraform => SizeLimits::NONE,
        }
    }
}

/// Writes a graph as the target's template.
pub fn write(graph: &Graph, target: &Target, style: Style) -> String {
    match target.format {
        Format::Arm => arm::write(graph, style.compact),
        Format::CloudFormation => {
            let text = cloudformation::write(graph, style.compact && !style.yaml);
            if style.yaml { json::to_yaml(&text) } else { text }
        }
        // JSON is YAML, and the shorter form of it.
        Format::Heat if style.compact => heat::write(graph, true),
        Format::Heat => json::to_yaml(&heat::write(graph, true)),
        Format::Terraform => terraform::write(graph, target, style.compact),
    }
}

/// The characters of the longest expression in a template of a format that has them in brackets.
pub fn longest_expression(text: &str) -> usize {
    let mut longest = 0;
    let mut rest = text;
    while let Some((_, from)) = rest.split_once('"') {
        let mut escaped = false;
        let end = from.bytes().position(|byte| {
            let end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end
        });
        let Some((string, after)) = end.and_then(|end| Some((from.get(..end)?, from.get(end + 1..)?))) else { break };
        if string.starts_with('[') && !string.starts_with("[[") {
            longest = longest.max(string.chars().count());
        }
        rest = after;
    }
    longest
}

/// Names that a Terraform variable cannot have ("Input Variables" in its documentation), as a stack spells them.
const RESERVED: [&str; 8] = ["source", "version", "providers", "count", "for-each", "lifecycle", "depends-on", "locals"];

fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut chars = word.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<Vec<_>>()
        })
        .collect()
}

fn snake(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::longest_expression;

    #[test]
    fn only_expressions_are_measured() {
        assert_eq!(
            longest_expression(r#"{"a": "[concat('é')]", "b": "[[a text that is no expression]", "c \" [": "long text without any"}"#),
            "[concat('é')]".chars().count()
        );
        assert_eq!(longest_expression(r#"{"a": "\\", "b": "[x]"}"#), 3);
        assert_eq!(longest_expression("{}"), 0);
    }
}
