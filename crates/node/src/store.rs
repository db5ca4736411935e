//! Where things lie on disk: one folder, one partition per store.

use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::prunable;
use commonware_storage::translator::FourCap;
use commonware_utils::{NZU16, NZU64, NZUsize};
use std::num::{NonZeroU64, NonZeroUsize};

/// Prefix of all partitions of a node.
pub const PREFIX: &str = "salus";
/// Bytes that journals buffer before they write.
pub const WRITE_BUFFER: NonZeroUsize = NZUsize!(64 * 1024);
/// Bytes that journals read at once when they start.
pub const REPLAY_BUFFER: NonZeroUsize = NZUsize!(256 * 1024);

/// The cache of pages that the block stores of a node share: 512 pages of about 4 KiB.
pub fn page_cache() -> CacheRef {
    CacheRef::new(NZU16!(4_084), NZUsize!(512))
}

/// The cache of pages of the state: 4,096 pages of about 4 KiB. Every new entry reads its neighbour.
pub fn state_page_cache() -> CacheRef {
    CacheRef::new(NZU16!(4_084), NZUsize!(4_096))
}

/// Blocks of one section of a store, which is deleted as a whole: two files, open all the time.
pub const SECTION_BLOCKS: NonZeroU64 = NZU64!(8_192);

/// An archive by height and digest. It keeps some 40 bytes of each entry in memory.
pub fn archive_config<C>(
    prefix: &str,
    name: &str,
    section_blocks: NonZeroU64,
    page_cache: CacheRef,
    codec_config: C,
) -> prunable::Config<FourCap, C> {
    prunable::Config {
        translator: FourCap,
        metadata_partition: format!("{prefix}-{name}-metadata"),
        key_partition: format!("{prefix}-{name}-key"),
        key_page_cache: page_cache,
        value_partition: format!("{prefix}-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: section_blocks,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    }
}
