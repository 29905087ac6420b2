/// The limit of reading data on an object: an array of slots in it.
#include "row.hpp"
#include "support.hpp"

namespace {

struct object_with_slots {
  unsigned count = 4;
  void* slots[4] = {this, this, this, this};
};
object_with_slots object;
unsigned asked = 2;

void get_slot(long n) {
  BENCH_LOOP(n, keep(asked < object.count ? object.slots[asked] : nullptr))
}

const adds_rows limit{
    {{"another helper's data by id", "slots, index checked", role::limit, "", nullptr, get_slot}}};

}  // namespace
