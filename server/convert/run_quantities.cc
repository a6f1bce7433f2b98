// SPDX-License-Identifier: Apache-2.0
#include "server/convert/run_quantities.h"

#include <google/protobuf/stubs/logging.h>

#include "sextant/v1/run_service.pb.h"

namespace sextant::server {

using google::protobuf::FieldDescriptor;

QuantityFields FindQuantityFields(const google::protobuf::Descriptor& type) {
  QuantityFields fields{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const FieldDescriptor* field = type.FindFieldByName(kRunQuantities[i].name);
    const bool fits = field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE &&
                      !field->is_repeated() && field->has_presence();
    if (fits) fields[i] = field;
  }
  return fields;
}

const QuantityFields& RunQuantityFields() {
  static const QuantityFields fields = [] {
    const QuantityFields found = FindQuantityFields(*v1::Run::descriptor());
    for (std::size_t i = 0; i < found.size(); ++i) {
      GOOGLE_CHECK(found[i] != nullptr) << "sextant.v1.Run has no 'optional double " << kRunQuantities[i].name
                                        << "', which base/run_field_table.h names";
    }
    return found;
  }();
  return fields;
}

}  // namespace sextant::server
