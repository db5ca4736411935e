//! Where things lie on disk: one folder, one partition per store.

use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::immutable;
use commonware_utils::{NZU16, NZU64, NZUsize};
use std::num::NonZeroUsize;

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

/// An append-only archive whose memory does not grow with its contents.
pub fn archive_config<C>(
    prefix: &str,
    name: &str,
    page_cache: CacheRef,
    codec_config: C,
) -> immutable::Config<C> {
    immutable::Config {
        metadata_partition: format!("{prefix}-{name}-metadata"),
        freezer_table_partition: format!("{prefix}-{name}-table"),
        freezer_table_initial_size: 4_096,
        freezer_table_resize_frequency: 4,
        freezer_table_resize_chunk_size: 4_096,
        freezer_key_partition: format!("{prefix}-{name}-key"),
        freezer_key_page_cache: page_cache,
        freezer_value_partition: format!("{prefix}-{name}-value"),
        freezer_value_target_size: 256 * 1024 * 1024,
        freezer_value_compression: None,
        ordinal_partition: format!("{prefix}-{name}-ordinal"),
        items_per_section: NZU64!(1 << 18),
        freezer_key_write_buffer: WRITE_BUFFER,
        freezer_value_write_buffer: WRITE_BUFFER,
        ordinal_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
        codec_config,
    }
}
