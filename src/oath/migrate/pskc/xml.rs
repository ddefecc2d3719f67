//! XML as PSKC needs it: small, shallow, without DTD and without entities of its own.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zeroize::Zeroizing;

use crate::migrate::{MigrateError, Reason, Refused};

/// The most elements in a file.
const MAX_ELEMENTS: usize = 300_000;
/// The deepest nesting. RFC 6030 needs 10.
const MAX_DEPTH: usize = 32;
/// The most attributes of an element.
const MAX_ATTRIBUTES: usize = 32;
/// The longest text of an element in bytes. A signature's certificate is the longest that occurs.
const MAX_TEXT: usize = 64 * 1024;

/// An element. Its name is the local one: a container may choose its prefixes.
#[derive(Default)]
pub(super) struct Element {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) children: Vec<Element>,
    prefix: Option<String>,
    attributes: Vec<(String, String)>,
    text: Zeroizing<String>,
}

impl Element {
    /// The value of an attribute, by the whole of its name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The children of a name.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The child of a name, of which there must be no second one.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&Self>, Reason> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Reason::Repeated(name)),
            (child, None) => Ok(child),
        }
    }

    /// The child of a name, of which there must be one.
    pub(super) fn need(&self, name: &'static str) -> Result<&Self, Reason> {
        self.one(name)?.ok_or(Reason::Missing(name))
    }

    /// The text between the tags, without the white space around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    /// A refusal that is this element's.
    pub(super) fn refused(&self, reason: Reason) -> Refused {
        let line = self.line;
        Refused { line, reason }
    }

    /// The namespace that the element itself declares for its prefix.
    pub(super) fn declared_namespace(&self) -> Option<&str> {
        match &self.prefix {
            Some(prefix) => self.attribute(&format!("xmlns:{prefix}")),
            None => self.attribute("xmlns"),
        }
    }

    fn opened(start: &BytesStart<'_>, line: usize) -> Option<Self> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).ok()?;
            attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
            if attributes.len() > MAX_ATTRIBUTES {
                return None;
            }
        }
        Some(Self {
            line,
            name: start.local_name().into_inner().to_owned(),
            prefix: (start.name().prefix()).map(|prefix| prefix.into_inner().to_owned()),
            attributes,
            ..Self::default()
        })
    }

    /// Adds to the text. White space between children is no text.
    fn append(&mut self, text: &str) -> Option<()> {
        if self.text.is_empty() {
            if text.trim().is_empty() {
                return Some(());
            }
            // Mostly all of it, so that growing leaves no copy behind.
            self.text.reserve_exact(text.len());
        }
        self.text.push_str(text);
        (self.text.len() <= MAX_TEXT).then_some(())
    }
}

/// Reads a document; gives its outermost element.
pub(super) fn read(xml: &str) -> Result<Element, MigrateError> {
    let mut reader = Reader::from_str(xml);
    let mut tree = Tree::default();
    let (mut line, mut counted) = (1, 0);
    loop {
        let position = usize::try_from(reader.buffer_position()).unwrap_or(xml.len());
        let passed = xml.as_bytes().get(counted..position).unwrap_or_default();
        line += passed.iter().filter(|byte| **byte == b'\n').count();
        counted = position;

        let event = reader.read_event().ok();
        let ended = matches!(event, Some(Event::Eof));
        if event.and_then(|event| tree.take(event, line)).is_none() {
            return Err(MigrateError::Xml { line });
        }
        if ended {
            return tree.root.ok_or(MigrateError::Xml { line });
        }
    }
}

/// A document that is being read.
#[derive(Default)]
struct Tree {
    elements: usize,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    /// Takes the next event; `None` for what must not be there.
    fn take(&mut self, event: Event<'_>, line: usize) -> Option<()> {
        match event {
            Event::Start(start) => self.start(&start, line),
            Event::Empty(start) => {
                self.start(&start, line)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            Event::CData(text) => self.text(&text),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Some(()),
            Event::DocType(_) => None,
            Event::Eof => self.open.is_empty().then_some(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, line: usize) -> Option<()> {
        self.elements += 1;
        let room = self.elements <= MAX_ELEMENTS && self.open.len() < MAX_DEPTH;
        if !room || self.root.is_some() {
            return None;
        }
        self.open.push(Element::opened(start, line)?);
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let ended = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(ended),
            None => self.root = Some(ended),
        }
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        match self.open.last_mut() {
            Some(element) => element.append(text),
            None => text.trim().is_empty().then_some(()),
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Option<()> {
        match reference.resolve_char_ref().ok()? {
            Some(c) => self.text(c.encode_utf8(&mut [0; 4])),
            None => self.text(resolve_predefined_entity(reference)?),
        }
    }
}
