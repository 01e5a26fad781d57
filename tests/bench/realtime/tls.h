/* TLS for the load, where OpenSSL's headers are (-DWITH_TLS); elsewhere the same names that refuse. Clients
 * believe any certificate: the server is measured, not trusted. */
#ifndef TLS_H
#define TLS_H

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef WITH_TLS
#include <openssl/ssl.h>

static SSL_CTX *tls_context;

static int start_tls(void)
{
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS);
    return 1;
}

static SSL *new_tls(int fd)
{
    SSL *tls = SSL_new(tls_context);
    SSL_set_fd(tls, fd);
    SSL_set_connect_state(tls);
    return tls;
}

/* 1: done, 0: not yet, -1: failed */
static int shake_hands(SSL *tls)
{
    int result = SSL_do_handshake(tls);
    int error = SSL_get_error(tls, result);
    return result == 1 ? 1 : error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t read_tls(SSL *tls, void *into, size_t room)
{
    int got = SSL_read(tls, into, room);
    if (got <= 0 && SSL_get_error(tls, got) == SSL_ERROR_WANT_READ)
        errno = EAGAIN, got = -1;
    return got;
}

static int write_tls(SSL *tls, const void *data, size_t length)
{
    return SSL_write(tls, data, length) == (int)length ? 0 : -1;
}

static int more_in_tls(SSL *tls)
{
    return tls && SSL_pending(tls) > 0;
}

static void end_tls(SSL *tls)
{
    SSL_free(tls);
}
#else
typedef void SSL;

static int start_tls(void)
{
    return 0;
}

static SSL *new_tls(int fd)
{
    (void)fd;
    return NULL;
}

static int shake_hands(SSL *tls)
{
    (void)tls;
    return -1;
}

static ssize_t read_tls(SSL *tls, void *into, size_t room)
{
    (void)tls, (void)into, (void)room;
    return -1;
}

static int write_tls(SSL *tls, const void *data, size_t length)
{
    (void)tls, (void)data, (void)length;
    return -1;
}

static int more_in_tls(SSL *tls)
{
    (void)tls;
    return 0;
}

static void end_tls(SSL *tls)
{
    (void)tls;
}
#endif

#endif
