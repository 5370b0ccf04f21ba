/* Reading a request: headers, parameters, cookies, the peer. */
#include "http/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct str http_header(const struct http_request *r, const char *name)
{
    return str_of(MHD_lookup_connection_value(r->conn->mhd, MHD_HEADER_KIND, name));
}

struct str http_param(const struct http_request *r, const char *name)
{
    const char *value = NULL;
    size_t n = 0;
    if (MHD_lookup_connection_value_n(r->conn->mhd, MHD_GET_ARGUMENT_KIND, name, strlen(name),
                                      &value, &n) != MHD_YES)
        return STR_NULL;
    return value ? str_from(value, n) : STR("");
}

struct visit {
    bool (*fn)(void *arg, struct str name, struct str value);
    void *arg;
};

static enum MHD_Result visit_param(void *cls, enum MHD_ValueKind kind, const char *key,
                                   size_t key_size, const char *value, size_t value_size)
{
    struct visit *v = cls;
    (void)kind;
    return v->fn(v->arg, str_from(key, key_size), value ? str_from(value, value_size) : STR(""))
               ? MHD_YES
               : MHD_NO;
}

void http_params(const struct http_request *r,
                 bool (*fn)(void *arg, struct str name, struct str value), void *arg)
{
    struct visit v = {fn, arg};
    MHD_get_connection_values_n(r->conn->mhd, MHD_GET_ARGUMENT_KIND, visit_param, &v);
}

struct str http_cookie(const struct http_request *r, const char *name)
{
    return str_of(MHD_lookup_connection_value(r->conn->mhd, MHD_COOKIE_KIND, name));
}

static const struct sockaddr *peer_of(const struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

struct str http_peer(const struct http_request *r)
{
    const struct sockaddr *sa = peer_of(r);
    char text[INET6_ADDRSTRLEN] = "?";
    if (sa && sa->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, text, sizeof text);
    else if (sa && sa->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)sa)->sin6_addr, text, sizeof text);
    return arena_str(r->arena, str_of(text));
}

bool http_peer_is_loopback(const struct http_request *r)
{
    const struct sockaddr *sa = peer_of(r);
    if (!sa)
        return false;
    if (sa->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24) == 127;
    return sa->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}
