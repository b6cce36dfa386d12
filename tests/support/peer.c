#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static int
listen_loopback(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

int
peer_free_port(void)
{
	int port, fd = listen_loopback(&port);

	assert_int_equal(close(fd), 0);
	return port;
}

static void *
peer_main(void *arg)
{
	struct peer *p = arg;

	/* The end of the listener ends the loop. */
	while ((p->fd = accept(p->listener, NULL, NULL)) != -1) {
		atomic_fetch_add(&p->connections, 1);
		(void)sem_post(&p->accepted);
		peer_forget(p);
		p->ssl = NULL;
		if (p->tls != NULL) {
			p->ssl = SSL_new(p->tls);
			(void)SSL_set_fd(p->ssl, p->fd);
		}
		if (p->ssl == NULL || SSL_accept(p->ssl) == 1)
			p->serve(p);
		SSL_free(p->ssl);
		(void)close(p->fd);
	}
	return NULL;
}

static void
start(struct peer *p, peer_cb *serve)
{
	p->serve = serve;
	atomic_store(&p->connections, 0);
	assert_int_equal(sem_init(&p->accepted, 0, 0), 0);
	p->listener = listen_loopback(&p->port);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

void
peer_start(struct peer *p, peer_cb *serve)
{
	p->tls = NULL;
	start(p, serve);
}

static X509 *
new_certificate(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	X509_EXTENSION *names;
	char text[256];

	(void)X509_set_version(x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	(void)X509_set_issuer_name(x, subject);
	(void)X509_set_pubkey(x, key);
	(void)snprintf(text, sizeof(text), "%s:%s",
	    strspn(name, "0123456789.") == strlen(name) ? "IP" : "DNS", name);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	assert_non_null(names);
	(void)X509_add_ext(x, names, -1);
	X509_EXTENSION_free(names);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

void
peer_start_tls(struct peer *p, peer_cb *serve, const char *name,
    const char *certificate)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = new_certificate(key, name);
	FILE *file = fopen(certificate, "we");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, x), 1);
	assert_int_equal(fclose(file), 0);
	p->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(p->tls, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->tls, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	start(p, serve);
}

void
peer_stop(struct peer *p)
{
	(void)shutdown(p->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	assert_int_equal(close(p->listener), 0);
	assert_int_equal(sem_destroy(&p->accepted), 0);
	SSL_CTX_free(p->tls);
}

void
peer_await_connection(struct peer *p)
{
	while (sem_wait(&p->accepted) == -1)
		;
}

bool
peer_send_bytes(struct peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;
	ssize_t done;

	while (n > 0) {
		done = p->ssl != NULL ? SSL_write(p->ssl, at, (int)n)
				      : send(p->fd, at, n, MSG_NOSIGNAL);
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

bool
peer_send(struct peer *p, const char *text)
{
	return peer_send_bytes(p, text, strlen(text));
}

static bool
read_some(struct peer *p, size_t max)
{
	char *at = p->received + p->n_received;
	size_t room = PEER_RECEIVED_MAX - 1 - p->n_received;
	ssize_t n;

	if (max > room)
		max = room;
	n = p->ssl != NULL ? SSL_read(p->ssl, at, (int)max)
			   : recv(p->fd, at, max, 0);
	if (n <= 0)
		return false;
	p->n_received += (size_t)n;
	p->received[p->n_received] = '\0';
	return true;
}

bool
peer_receive_bytes(struct peer *p, const void *bytes, size_t n)
{
	while (memmem(p->received, p->n_received, bytes, n) == NULL)
		if (!read_some(p, PEER_RECEIVED_MAX))
			return false;
	return true;
}

bool
peer_receive_until(struct peer *p, const char *text)
{
	return peer_receive_bytes(p, text, strlen(text));
}

bool
peer_receive(struct peer *p, size_t n)
{
	size_t end = p->n_received + n;

	while (p->n_received < end)
		if (!read_some(p, end - p->n_received))
			return false;
	return true;
}

void
peer_forget(struct peer *p)
{
	p->n_received = 0;
	p->received[0] = '\0';
}

void
peer_await_end(struct peer *p)
{
	do
		peer_forget(p);
	while (read_some(p, PEER_RECEIVED_MAX));
}
