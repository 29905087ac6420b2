#include <algorithm>
#include <bit>

#include "elf/image.hpp"

/// The hash tables of the symbols. The dynamic linker follows them without bounds; and a symbol
/// that a damaged table hides is bound to another file's, or to nothing, and called. So every
/// symbol that the file defines must be found by its own name.

namespace khelp::elf {

namespace {

std::uint32_t gnu_hash(std::string_view name) {
  std::uint32_t hash = 5381;
  for (unsigned char c : name)
    hash = hash * 33 + c;
  return hash;
}

std::optional<std::uint32_t> word(const image& elf, const table& words, std::uint64_t index) {
  if (index >= words.size / 4)
    return std::nullopt;
  return elf.file.read<std::uint32_t>(words.offset + index * 4);
}

/// `count` words at an address, for the dynamic linker to read.
std::optional<table> words_at(image& elf, std::uint64_t address, std::uint64_t count) {
  const std::optional<std::uint64_t> place = elf.place(address, count * 4);
  if (!place)
    return std::nullopt;
  elf.linker_tables.push_back({address, count * 4});
  return table{*place, count * 4};
}

/// Symbols that may stand in a table: hidden ones, too, which the linker passes over (the bounds of
/// a linker set are such).
bool may_be_listed(const Elf64_Sym& symbol) {
  return symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
         ELF64_ST_TYPE(symbol.st_info) != STT_SECTION;
}

/// Symbols that other files, or our own relocations, look up by name.
bool is_looked_up(const Elf64_Sym& symbol) {
  return may_be_listed(symbol) && ELF64_ST_VISIBILITY(symbol.st_other) != STV_HIDDEN &&
         ELF64_ST_VISIBILITY(symbol.st_other) != STV_INTERNAL;
}

struct gnu_table {
  std::uint64_t first_symbol;
  std::uint64_t bloom_words;
  std::uint32_t shift;
  table bloom;
  table buckets;
  table chain;

  std::uint64_t bucket_count() const { return buckets.size / 4; }
};

bool bloom_has(const image& elf, const gnu_table& gnu, std::uint32_t hash) {
  const std::uint64_t index = (hash / 64) & (gnu.bloom_words - 1);
  const std::uint64_t bits = *elf.file.read<std::uint64_t>(gnu.bloom.offset + index * 8);
  return ((bits >> (hash % 64)) & (bits >> ((hash >> gnu.shift) % 64)) & 1) != 0;
}

/// Symbols stand in the order of their buckets, each bucket's ended by a word with its lowest bit
/// set.
bool finds_all(image& elf, const gnu_table& gnu) {
  for (std::uint64_t i = 1; i < std::min(gnu.first_symbol, elf.symbol_count); i++) {
    if (is_looked_up(*elf.symbol(i)))
      return false;
  }
  std::vector<bool> seen(gnu.bucket_count());
  bool starts = true;
  std::uint64_t current = 0;
  for (std::uint64_t i = gnu.first_symbol; i < elf.symbol_count; i++) {
    const std::optional<std::string_view> name = elf.dynamic_text(elf.symbol(i)->st_name);
    if (!name || !may_be_listed(*elf.symbol(i)))
      return false;
    const std::uint32_t hash = gnu_hash(*name);
    const std::uint32_t link = *word(elf, gnu.chain, i - gnu.first_symbol);
    const std::uint64_t bucket = hash % gnu.bucket_count();
    if ((link | 1) != (hash | 1) || !bloom_has(elf, gnu, hash))
      return false;
    if (starts) {
      if (seen[bucket] || *word(elf, gnu.buckets, bucket) != i)
        return false;
      seen[bucket] = true;
      current = bucket;
    }
    if (bucket != current)
      return false;
    starts = (link & 1) != 0;
  }
  for (std::uint64_t i = 0; i < gnu.bucket_count(); i++) {
    if (!seen[i] && *word(elf, gnu.buckets, i) != 0)
      return false;
  }
  return starts;
}

void check_gnu_hash(image& elf, std::uint64_t address) {
  const std::optional<table> head = words_at(elf, address, 4);
  if (!head)
    return elf.problem("DT_GNU_HASH lies outside the file's segments");
  const std::uint64_t buckets = *word(elf, *head, 0);
  gnu_table gnu{*word(elf, *head, 1), *word(elf, *head, 2), *word(elf, *head, 3), {}, {}, {}};
  if (buckets == 0 || !std::has_single_bit(gnu.bloom_words) || gnu.shift >= 32)
    return elf.problem("DT_GNU_HASH has an impossible header");

  const std::uint64_t buckets_at = address + 16 + gnu.bloom_words * 8;
  const std::optional<table> bloom = words_at(elf, address + 16, gnu.bloom_words * 2);
  const std::optional<table> bucket_words = words_at(elf, buckets_at, buckets);
  if (!bloom || !bucket_words)
    return elf.problem("DT_GNU_HASH is longer than its segment");
  gnu.bloom = *bloom;
  gnu.buckets = *bucket_words;

  // A file that defines no symbol has an empty bucket and no chain.
  bool used = false;
  for (std::uint64_t i = 0; i < buckets; i++)
    used = used || *word(elf, gnu.buckets, i) != 0;
  if (!used) {
    gnu.first_symbol = elf.symbol_count;
  } else if (gnu.first_symbol == 0 || gnu.first_symbol >= elf.symbol_count) {
    return elf.problem("DT_GNU_HASH names symbols that do not exist");
  } else {
    const std::optional<table> chain =
        words_at(elf, buckets_at + buckets * 4, elf.symbol_count - gnu.first_symbol);
    if (!chain)
      return elf.problem("DT_GNU_HASH is longer than its segment");
    gnu.chain = *chain;
  }
  if (!finds_all(elf, gnu))
    elf.problem("DT_GNU_HASH does not find the symbols that the file defines");
}

/// True when the chains hold every symbol that is looked up, each in the bucket of its name.
bool chains_hold_all(image& elf, const table& words, std::uint64_t buckets) {
  std::vector<bool> reached(elf.symbol_count);
  for (std::uint64_t bucket = 0; bucket < buckets; bucket++) {
    for (std::uint32_t at = *word(elf, words, bucket); at != 0;
         at = *word(elf, words, buckets + at)) {
      if (at >= elf.symbol_count || reached[at])
        return false;
      reached[at] = true;
      const std::optional<std::string_view> name = elf.dynamic_text(elf.symbol(at)->st_name);
      if (!name || system_v_hash(*name) % buckets != bucket)
        return false;
    }
  }
  for (std::uint64_t i = 1; i < elf.symbol_count; i++) {
    if (!reached[i] && is_looked_up(*elf.symbol(i)))
      return false;
  }
  return true;
}

void check_system_v_hash(image& elf, std::uint64_t address) {
  const std::optional<table> head = words_at(elf, address, 2);
  if (!head)
    return elf.problem("DT_HASH lies outside the file's segments");
  const std::uint64_t buckets = *word(elf, *head, 0);
  const std::uint64_t chains = *word(elf, *head, 1);
  const std::optional<table> words = words_at(elf, address + 8, buckets + chains);
  if (!words)
    return elf.problem("DT_HASH is longer than its segment");
  if (buckets == 0 || chains != elf.symbol_count)
    return elf.problem("DT_HASH does not cover the symbols");
  if (!chains_hold_all(elf, *words, buckets))
    elf.problem("DT_HASH does not find the symbols that the file defines");
}

}  // namespace

std::uint32_t system_v_hash(std::string_view name) {
  std::uint32_t hash = 0;
  for (unsigned char c : name) {
    hash = (hash << 4) + c;
    hash ^= (hash >> 24) & 0xf0;
  }
  return hash & 0x0fffffff;
}

void check_hash(image& elf) {
  const std::optional<std::uint64_t> gnu = elf.value_of(DT_GNU_HASH);
  const std::optional<std::uint64_t> system_v = elf.value_of(DT_HASH);
  if (!gnu && !system_v)
    elf.problem("it has no hash table of its symbols");
  if (gnu)
    check_gnu_hash(elf, *gnu);
  if (system_v)
    check_system_v_hash(elf, *system_v);
}

}  // namespace khelp::elf
