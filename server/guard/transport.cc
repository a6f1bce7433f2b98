// SPDX-License-Identifier: Apache-2.0
// Functions of this executable that stand in front of the libraries' of the same name, which gRPC calls to
// read and write connections: dynamic linking finds these first. gRPC 1.51 offers no other place where one
// can see that a client makes it hold more and more memory, and end it. Linked into sextantd alone; costs
// about 50 ns a call.
#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "server/guard/connections.h"

namespace {

using sextant::server::Connection;
using sextant::server::Connections;

using Slot = std::shared_ptr<Connection>;

// A session of OpenSSL keeps its connection in a slot of its own, which goes with it.
void FreeSlot(void*, void* slot, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Slot*>(slot); }

int SlotIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeSlot);
  return index;
}

/// Null: one whose client hides which it is.
Connection* OfSession(SSL* session) {
  auto* slot = static_cast<Slot*>(SSL_get_ex_data(session, SlotIndex()));
  if (slot == nullptr) {
    std::string random(SSL3_RANDOM_SIZE, '\0');
    SSL_get_client_random(session, reinterpret_cast<unsigned char*>(random.data()), random.size());
    slot = new Slot(Connections::OfProcess().FindByRandom(random));
    if (SSL_set_ex_data(session, SlotIndex(), slot) == 0) {
      delete slot;
      return nullptr;
    }
  }
  return slot->get();
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Calls `see(connection, data, size)` for the first `size` bytes of the pieces; stops when it says false.
template <typename See>
bool ForPieces(const msghdr& message, std::size_t size, See&& see) {
  for (std::size_t i = 0; i < message.msg_iovlen && size > 0; ++i) {
    const std::size_t take = std::min(size, message.msg_iov[i].iov_len);
    if (!see(static_cast<const char*>(message.msg_iov[i].iov_base), take)) return false;
    size -= take;
  }
  return true;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
  const ssize_t got = syscall(SYS_recvmsg, descriptor, message, flags);
  if (got <= 0) return got;
  Connections& connections = Connections::OfProcess();
  const auto connection = connections.Find(descriptor);
  if (!connection) return got;
  const bool goes_on =
      ForPieces(*message, static_cast<std::size_t>(got), [&](const char* data, std::size_t size) {
        if (!connection->encrypted) return connections.Received(*connection, data, size);
        return connections.ReceivedEncrypted(connection, data, size);
      });
  if (goes_on) return got;
  errno = ECONNRESET;
  return -1;
}

__attribute__((visibility("default"))) ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  const ssize_t sent = syscall(SYS_sendmsg, descriptor, message, flags);
  if (sent <= 0) return sent;
  const int error = errno;
  Connections& connections = Connections::OfProcess();
  const auto connection = connections.Find(descriptor);
  if (connection && !connection->encrypted) {
    ForPieces(*message, static_cast<std::size_t>(sent), [&](const char* data, std::size_t size) {
      connections.Sent(*connection, data, size);
      return true;
    });
  }
  errno = error;
  return sent;
}

__attribute__((visibility("default"))) int SSL_read(SSL* session, void* data, int size) {
  static const auto next = Next<int(SSL*, void*, int)>("SSL_read");
  const int got = next(session, data, size);
  if (got <= 0 || SSL_is_server(session) == 0) return got;
  Connection* connection = OfSession(session);
  if (connection != nullptr && Connections::OfProcess().Received(*connection, static_cast<const char*>(data),
                                                                 static_cast<std::size_t>(got))) {
    return got;
  }
  // To gRPC, damage: it closes the connection.
  ERR_raise(ERR_LIB_USER, ERR_R_OPERATION_FAIL);
  return -1;
}

__attribute__((visibility("default"))) int SSL_write(SSL* session, const void* data, int size) {
  static const auto next = Next<int(SSL*, const void*, int)>("SSL_write");
  const int sent = next(session, data, size);
  if (sent <= 0 || SSL_is_server(session) == 0) return sent;
  if (Connection* connection = OfSession(session)) {
    Connections::OfProcess().Sent(*connection, static_cast<const char*>(data),
                                  static_cast<std::size_t>(sent));
  }
  return sent;
}

}  // extern "C"
