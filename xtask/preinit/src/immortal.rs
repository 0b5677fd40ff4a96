//! Makes immortal (PEP 683) the objects that the Python interpreter's `snapshot.py` marked: Python counts no references to
//! them, so that a run does not write to the memory that they are in, and the pages of it are shared by all runs.
//!
//! CPython has no function for it, so it is done in the memory that the component begins with: the marks lie there too.
#![expect(
    clippy::indexing_slicing,
    reason = "wasmparser has checked the ranges, and a build that goes wrong must stop"
)]

use wasmparser::{DataKind, DataSectionReader, Operator, Parser, Payload};
use wasmtime::{Result, bail};

/// What stands before the marks: their length in bytes follows (32 bits, little-endian), then a bit for every [`STEP`] bytes
/// of memory.
const WORDS: &[u8] = b"These are the objects that last forever:";
const STEP: usize = 8;
/// The reference count of an object that is immortal, where pointers have 32 bits (CPython 3.14, `Include/refcount.h`).
const IMMORTAL: u32 = 5 << 28;
/// From here on a count means so.
const IMMORTAL_MIN: u32 = 1 << 30;
/// There are more than a hundred thousand.
const EXPECTED_MIN: usize = 50_000;

/// A data segment: where it is in the memory, and its bytes in the component.
struct Segment {
    address: usize,
    offset: usize,
    length: usize,
}

/// Makes the marked objects immortal, and says how many they are.
///
/// # Errors
/// The component cannot be read, has no marks, or what they say is not so.
pub(crate) fn make_immortal(component: &mut [u8]) -> Result<usize> {
    for segments in data_sections(component)? {
        let memory = memory(component, &segments);
        let Some(marks) = marks(&memory)? else { continue };
        let places: Vec<_> =
            addresses(marks).map(|address| place(&memory, &segments, address)).collect::<Result<_>>()?;
        let mut made = 0;
        for offset in places.into_iter().flatten() {
            component[offset..offset + 4].copy_from_slice(&IMMORTAL.to_le_bytes());
            made += 1;
        }
        if made < EXPECTED_MIN {
            bail!("only {made} objects are marked as lasting: the interpreter was not warmed");
        }
        return Ok(made);
    }
    bail!("no memory of the component has marks of objects that last")
}

fn data_sections(component: &[u8]) -> Result<Vec<Vec<Segment>>> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::DataSection(section) = payload? {
            sections.push(segments(component, section)?);
        }
    }
    Ok(sections)
}

fn segments(component: &[u8], section: DataSectionReader<'_>) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for data in section {
        let data = data?;
        let DataKind::Active { memory_index: 0, offset_expr } = data.kind else { continue };
        // Where it is relative to something else, it is none of what is looked for.
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { continue };
        let offset = data.data.as_ptr().addr() - component.as_ptr().addr();
        segments.push(Segment { address: value.cast_unsigned() as usize, offset, length: data.data.len() });
    }
    segments.sort_by_key(|segment| segment.address);
    Ok(segments)
}

/// The memory as the segments make it.
fn memory(component: &[u8], segments: &[Segment]) -> Vec<u8> {
    let end = segments.iter().map(|segment| segment.address + segment.length).max().unwrap_or(0);
    let mut memory = vec![0; end];
    for Segment { address, offset, length } in segments {
        memory[*address..address + length].copy_from_slice(&component[*offset..offset + length]);
    }
    memory
}

fn marks(memory: &[u8]) -> Result<Option<&[u8]>> {
    let mut found = memory.windows(WORDS.len()).enumerate().filter(|(_, window)| *window == WORDS);
    let Some((start, _)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        bail!("the memory has marks of objects that last twice");
    }
    let rest = &memory[start + WORDS.len()..];
    let marks = rest.split_first_chunk().and_then(|(length, marks)| marks.get(..u32::from_le_bytes(*length) as usize));
    marks.map(Some).ok_or_else(|| wasmtime::format_err!("the marks of objects that last are longer than the memory"))
}

fn addresses(marks: &[u8]) -> impl Iterator<Item = usize> {
    let bits =
        marks.iter().enumerate().flat_map(|(at, byte)| (0..8).map(move |bit| (at * 8 + bit, byte >> bit & 1 == 1)));
    bits.filter(|(_, set)| *set).map(|(at, _)| at * STEP)
}

/// Where the component has the reference count of the object at this address; None where it is immortal already.
fn place(memory: &[u8], segments: &[Segment], address: usize) -> Result<Option<usize>> {
    let count = memory.get(address..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    match count {
        Some(1..IMMORTAL_MIN) => {}
        Some(IMMORTAL_MIN..=0x7fff_ffff) => return Ok(None),
        _ => bail!("an object is marked at {address:#x}, and there is none"),
    }
    let after = segments.partition_point(|segment| segment.address <= address);
    let held = after.checked_sub(1).map(|at| &segments[at]).filter(|s| address + 4 <= s.address + s.length);
    match held {
        Some(segment) => Ok(Some(segment.offset + (address - segment.address))),
        // The zeros at its end are left out: it cannot be written in place.
        None => Ok(None),
    }
}
