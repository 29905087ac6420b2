/// OpenSSL's data on objects.
#include <openssl/crypto.h>

#include "row.hpp"
#include "support.hpp"

namespace {

struct object_with_data {
  CRYPTO_EX_DATA data{};
  int index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_APP, 0, nullptr, nullptr, nullptr, nullptr);

  object_with_data() {
    CRYPTO_new_ex_data(CRYPTO_EX_INDEX_APP, this, &data);
    CRYPTO_set_ex_data(&data, index, this);
  }
};

void get_ex_data(long n) {
  static const object_with_data object;
  for (long i = 0; i < n; ++i)
    keep(CRYPTO_get_ex_data(&object.data, object.index));
}

const adds_rows openssl{
    {{"another helper's data by id", "OpenSSL ex_data", role::peer, "", nullptr, get_ex_data}}};

}  // namespace
