# tickd: one non-recursive Makefile. `make help` lists the targets.
#
# Every top-level folder is a layer, compiled with only the include paths it
# may use. A plain build goes to build/; another compiler or a sanitizer gets
# a directory of its own below it, so that switching rebuilds nothing.

VERSION := 0.1.0

# What may be set on the command line -----------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
SANITIZE ?=
OPT ?= $(if $(SANITIZE),-O1,-O2) -g
PREFIX ?= /usr/local
WITHOUT ?=
ARGS ?=
ROWS ?=
FUZZ_SECONDS ?= 10
ONLY ?=
V ?=

# Where things go -------------------------------------------------------------

comma := ,
empty :=
space := $(empty) $(empty)
VARIANT := $(subst $(space),-,$(strip \
	$(filter-out gcc,$(notdir $(CC))) $(subst $(comma),-,$(SANITIZE))))
B := $(if $(VARIANT),build/$(VARIANT),build)

# By their GNU names; each can be set on the command line, as PREFIX can.
prefix := $(PREFIX)
exec_prefix := $(prefix)
bindir := $(exec_prefix)/bin
sbindir := $(exec_prefix)/sbin
libdir := $(exec_prefix)/lib
includedir := $(prefix)/include
datarootdir := $(prefix)/share
mandir := $(datarootdir)/man
completiondir := $(datarootdir)/bash-completion/completions
unitdir := $(prefix)/lib/systemd/system

# Flags -----------------------------------------------------------------------

# WITHOUT="redis amqp" leaves out these runners and their libraries.
OPTIONAL := http redis amqp
ifneq ($(filter-out $(OPTIONAL),$(WITHOUT)),)
$(error WITHOUT knows $(OPTIONAL), not $(filter-out $(OPTIONAL),$(WITHOUT)))
endif
without = $(foreach w,$(WITHOUT),$(filter %/$(1)$(w).c,$(2)))
WITHOUT_FLAGS := $(foreach w,$(filter $(OPTIONAL),$(WITHOUT)),\
	-DWITHOUT_$(shell echo $(w) | tr a-z A-Z))

STD := -std=c11 -D_GNU_SOURCE -DTICKD_VERSION='"$(VERSION)"'
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef -Wvla -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
ifeq ($(SANITIZE)$(filter -O0,$(OPT)),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifneq ($(SANITIZE),)
SANITIZER := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
endif

# Folders whose headers a layer may include, and its code model. By -iquote,
# since a protocol/err.h on the -I path would hide the system's <err.h>.
SERVER_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard \
	server/*.[ch] server/*/*.[ch]))))
USES_protocol := protocol
USES_storage := storage protocol
USES_client := client protocol
USES_server := $(SERVER_DIRS) storage protocol
USES_tests := tests/support client $(USES_server)
MODEL_protocol := -fPIC -fvisibility=hidden
MODEL_client := -fPIC
layer = $(firstword $(subst /, ,$(1)))
flags = $(addprefix -iquote,$(USES_$(layer))) $(or $(MODEL_$(layer)),-fPIE)

COMPILE = $(CC) $(STD) $(WARN) $(OPT) $(HARDEN) $(SANITIZER) -pthread \
	$(WITHOUT_FLAGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(OPT) $(SANITIZER) -pthread -Wl,-z,relro,-z,now \
	-Wl,--as-needed $(LDFLAGS)

# --as-needed drops what a program does not use.
LIBS_client := -lssl -lcrypto
LIBS_ctl := -ljansson -ledit -lncursesw $(LIBS_client)
LIB_http := -lcurl
LIB_redis := -lhiredis
LIB_amqp := -lrabbitmq
LIBS_server := -lev -ljansson -lz -lssl -lcrypto -lm \
	$(foreach r,$(filter-out $(WITHOUT),$(OPTIONAL)),$(LIB_$(r)))
LIBS_tests := -lcmocka $(LIBS_ctl) $(LIBS_server)

# Sources ---------------------------------------------------------------------

obj = $(patsubst %.c,$(B)/%.o,$(1))

PROTOCOL := $(call obj,$(wildcard protocol/*.c))
STORAGE := $(call obj,$(wildcard storage/*.c))
SERVER := $(wildcard server/*.c server/*/*.c)
SERVER := $(call obj,$(filter-out $(call without,runner_,$(SERVER)),$(SERVER)))
CTL := $(call obj,$(wildcard client/ctl_*.c))
CLIENT := $(filter-out $(CTL),$(call obj,$(wildcard client/*.c)))
SUPPORT := $(call obj,$(wildcard tests/support/*.c))

UNIT := $(wildcard tests/unit/test_*.c)
UNIT := $(patsubst %.c,$(B)/%,$(filter-out \
	$(call without,test_runner_,$(UNIT)),$(UNIT)))
FAULT := $(patsubst %.c,$(B)/%,$(wildcard tests/fault/test_*.c))
INTEGRATION := $(patsubst %.c,$(B)/%,$(wildcard tests/integration/test_*.c))
BENCH := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
FUZZ := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))

TESTS := $(UNIT) $(FAULT) $(INTEGRATION)
# The programs of `make test`; with ONLY="heap load", those so named alone.
CHOSEN := $(UNIT) $(FAULT) $(FUZZ) $(INTEGRATION)
ifneq ($(ONLY),)
CHOSEN := $(filter $(foreach w,$(ONLY),%/test_$(w) %/fuzz_$(w)),$(CHOSEN))
endif
OBJECTS := $(PROTOCOL) $(STORAGE) $(SERVER) $(CTL) $(CLIENT) $(SUPPORT) \
	$(addsuffix .o,$(TESTS) $(BENCH) $(FUZZ)) \
	$(call obj,$(wildcard tests/fuzz/standalone.c))

# All but the two main functions: what tests are linked with.
TESTED := $(filter-out %/ctl_main.o $(B)/server/main.o, \
	$(PROTOCOL) $(STORAGE) $(SERVER) $(CLIENT) $(CTL) $(SUPPORT))

SOURCES := $(patsubst $(B)/%.o,%.c,$(OBJECTS))
HEADERS := $(wildcard protocol/*.h storage/*.h client/*.h client/*/*.h \
	server/*.h server/*/*.h tests/*/*.h)
SCRIPTS := .ci/run .ci/deps tests/run tests/bench/run tests/examples/worker.sh \
	tests/system/run tests/system/trial tests/system/install
MAN := $(wildcard man/*.[1-9])

PROGRAMS := $(B)/tickd $(B)/tickctl
LIBRARIES := $(B)/libtick.a $(B)/libtick.so

# A change of flags rebuilds everything, a change of the set of files relinks,
# and one of the places makes anew what names them: all are kept in a file that
# is rewritten only when it would differ.
ifneq ($(filter-out clean help deps,$(or $(MAKECMDGOALS),all)),)
FLAGS_TEXT := $(COMPILE) $(LINK) $(foreach l,\
	protocol storage client server tests,$(call flags,$(l)))
ifneq ($(file <$(B)/flags),$(FLAGS_TEXT))
$(shell mkdir -p $(B))
$(file >$(B)/flags,$(FLAGS_TEXT))
endif
ifneq ($(file <$(B)/sources),$(SOURCES))
$(file >$(B)/sources,$(SOURCES))
endif
PLACES := $(VERSION) $(prefix) $(sbindir) $(libdir) $(includedir)
ifneq ($(file <$(B)/places),$(PLACES))
$(file >$(B)/places,$(PLACES))
endif
endif

# All cores, unless -j was given; `make clean all` must keep its order.
ifeq ($(MAKELEVEL)$(filter clean,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
.DELETE_ON_ERROR:
.SECONDARY:

# One short line a command; the command itself with V=1.
say = $(if $(V),,@echo '  $(1)' $(2);)

# Building --------------------------------------------------------------------

all: $(PROGRAMS) $(LIBRARIES) ## Build programs and libraries (the default)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(COMPILE) $(call flags,$<) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

$(B)/tickd: $(PROTOCOL) $(STORAGE) $(SERVER) $(B)/sources
	$(call say,LINK,$@)$(LINK) -pie -o $@ $(filter %.o,$^) $(LIBS_server)

# tickctl is a user of the library like any other, and of the command table.
$(B)/tickctl: $(CTL) $(B)/libtick.a $(PROTOCOL) $(B)/sources
	$(call say,LINK,$@)$(LINK) -pie -o $@ $(filter %.o %.a,$^) $(LIBS_ctl)

# Only tick_* stays visible: by the version script here ...
$(B)/libtick.so.0: $(CLIENT) $(PROTOCOL) client/libtick.map $(B)/sources
	$(call say,LINK,$@)$(LINK) -shared -Wl,-soname,libtick.so.0 \
		-Wl,--version-script,client/libtick.map \
		-o $@ $(filter %.o,$^) $(LIBS_client)

$(B)/libtick.so: $(B)/libtick.so.0
	@ln -sf $(<F) $@

# ... and by making the rest local in one object there.
$(B)/libtick.a: $(CLIENT) $(PROTOCOL) $(B)/sources
	$(call say,LD,$@)ld -r -o $(B)/libtick.o $(filter %.o,$^)
	@objcopy --wildcard --keep-global-symbol='tick_*' $(B)/libtick.o
	@rm -f $@
	@ar rcs $@ $(B)/libtick.o

$(B)/tested.a: $(TESTED) $(B)/sources
	@rm -f $@
	@ar rcs $@ $(filter %.o,$^)

$(TESTS) $(BENCH): %: %.o $(B)/tested.a
	$(call say,LINK,$@)$(LINK) -pie -o $@ $^ $(LIBS_tests)

# Puts its own allocator before the C library's.
$(B)/tests/fault/test_nomem: LDFLAGS += \
	$(foreach f,malloc calloc realloc strdup,-Wl$(comma)--wrap=$(f))

# One fuzz target, two engines: a main that runs given files, or libFuzzer.
ENGINE := $(if $(findstring fuzzer,$(SANITIZE)),,$(B)/tests/fuzz/standalone.o)
$(FUZZ): %: %.o $(ENGINE) $(B)/tested.a
	$(call say,LINK,$@)$(LINK) $(if $(ENGINE),,-fsanitize=fuzzer) -pie -o $@ $^ $(LIBS_tests)

# Dependencies ----------------------------------------------------------------

deps: ## Install missing Debian packages
	@.ci/deps $(sort build $(filter run test bench lint fuzz,$(MAKECMDGOALS)))

# On a fresh machine the first command installs what it needs; another one says
# what is missing, before the compiler does.
ifneq ($(filter run test bench lint fuzz,$(MAKECMDGOALS)),)
$(OBJECTS) $(B)/headers: | deps
endif
$(OBJECTS): | $(B)/headers

HEADER_http := curl/curl.h
HEADER_redis := hiredis/hiredis.h
HEADER_amqp := amqp.h
NEEDED := ev.h jansson.h zlib.h openssl/ssl.h histedit.h curses.h \
	$(foreach r,$(filter-out $(WITHOUT),$(OPTIONAL)),$(HEADER_$(r)))

$(B)/headers: $(B)/flags
	@command -v $(firstword $(CC)) >/dev/null || { \
		echo "make: there is no $(firstword $(CC)) here:" \
			"\`make deps\` installs what is missing" >&2; exit 1; }
	@for h in $(NEEDED); do \
		echo "#include <$$h>" | $(CC) -E $(CPPFLAGS) $(CFLAGS) - \
			>/dev/null 2>&1 || missing="$$missing $$h"; \
	done; \
	[ -z "$$missing" ] || { echo "make: these headers are not here:$$missing" \
		>&2; echo "make: \`make deps\` installs what is missing" >&2; \
		exit 1; }
	@touch $@

# Running and testing ---------------------------------------------------------

run: all | deps ## Build, and start the server; its data is in run/
	@mkdir -p run
	@cd run && exec ../$(B)/tickd $(ARGS)

test: all $(CHOSEN) | deps ## Unit, fault, fuzz, integration; ONLY="heap ..."
	@TICKD=$(B)/tickd TICKCTL=$(B)/tickctl tests/run $(CHOSEN)

bench: all $(BENCH) | deps ## Compare with redis and beanstalkd; ROWS="..."
	@B=$(B) tests/bench/run $(ROWS)

fuzz: | deps ## libFuzzer on every parser, FUZZ_SECONDS each
	@$(MAKE) --no-print-directory CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined fuzz-all

fuzz-all: $(FUZZ)
	@for f in $(FUZZ); do \
		name=$${f##*/fuzz_}; found=$(B)/found/$$name; \
		mkdir -p $$found && \
		$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$$found/crash- \
			$$found tests/fuzz/corpus/$$name || exit 1; \
	done

# Style -----------------------------------------------------------------------

TIDY := $(patsubst %.c,$(B)/lint/%.tidy,$(SOURCES))

lint: $(TIDY) lint-format lint-headers lint-cppcheck lint-shell lint-man ## Check

$(B)/lint/%.tidy: %.c .clang-tidy $(HEADERS) | deps
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet --warnings-as-errors='*' $< -- \
		$(STD) $(call flags,$<) 2>/dev/null
	@touch $@

lint-format: | deps
	$(call say,FORMAT)clang-format --dry-run --Werror $(SOURCES) $(HEADERS)

# Every header compiles alone.
lint-headers: | deps
	$(call say,HEADERS)$(foreach h,$(HEADERS),$(COMPILE) $(call flags,$(h)) \
		-fsyntax-only -x c $(h) &&) true
	$(call say,CXX,client/tick.h)clang++ -std=c++11 -Wall -Wextra -Wpedantic \
		-Werror -iquote client -fsyntax-only tests/unit/tick_header.cc

lint-cppcheck: | deps
	$(call say,CPPCHECK)cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability \
		--suppress=missingIncludeSystem -D_GNU_SOURCE $(USES_tests:%=-I%) \
		$(filter-out tests/%,$(SOURCES))

lint-shell: | deps
	$(call say,SHELL)shellcheck $(SCRIPTS)

lint-man: | deps
	$(if $(MAN),$(call say,MAN)mandoc -T lint -W warning $(MAN))

format: ## Let clang-format rewrite the sources
	clang-format -i $(SOURCES) $(HEADERS)

# Installing ------------------------------------------------------------------

# $(call man_path,man/tickd.8): where a manual page goes.
man_path = $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
INSTALLED := $(sbindir)/tickd $(bindir)/tickctl $(includedir)/tick.h \
	$(libdir)/libtick.a $(libdir)/libtick.so.0 $(libdir)/libtick.so \
	$(libdir)/pkgconfig/tick.pc $(unitdir)/tickd.service \
	$(completiondir)/tickctl

# Folders that have become empty are removed, up to DESTDIR or prefix; those that
# every system has stay.
ALL_INSTALLED := $(addprefix $(DESTDIR),$(INSTALLED)) \
	$(foreach m,$(MAN),$(call man_path,$(m)))
KEPT := $(or $(DESTDIR),/) $(if $(DESTDIR),,$(foreach d,/usr /usr/local,$(d) \
	$(addprefix $(d)/,bin sbin lib include share share/man)) /opt /home /root)

# A library that has come or gone, where programs will look for it.
ldconfig = $(if $(DESTDIR),,@[ "$$(id -u)" -ne 0 ] || \
	PATH=$$PATH:/sbin:/usr/sbin ldconfig)

$(B)/%: %.in $(B)/places
	@mkdir -p $(@D)
	sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@prefix@|$(prefix)|g' \
		-e 's|@libdir@|$(libdir)|g' -e 's|@includedir@|$(includedir)|g' \
		-e 's|@version@|$(VERSION)|g' $< >$@

install: all $(B)/server/tickd.service $(B)/client/tick.pc ## Honours DESTDIR and PREFIX
	install -D -m 755 $(B)/tickd $(DESTDIR)$(sbindir)/tickd
	install -D -m 755 $(B)/tickctl $(DESTDIR)$(bindir)/tickctl
	install -D -m 644 client/tick.h $(DESTDIR)$(includedir)/tick.h
	install -D -m 644 $(B)/libtick.a $(DESTDIR)$(libdir)/libtick.a
	install -D -m 644 $(B)/libtick.so.0 $(DESTDIR)$(libdir)/libtick.so.0
	ln -sf libtick.so.0 $(DESTDIR)$(libdir)/libtick.so
	install -D -m 644 $(B)/client/tick.pc \
		$(DESTDIR)$(libdir)/pkgconfig/tick.pc
	install -D -m 644 $(B)/server/tickd.service \
		$(DESTDIR)$(unitdir)/tickd.service
	$(B)/tickctl completion bash >$(B)/tickctl.bash
	install -D -m 644 $(B)/tickctl.bash $(DESTDIR)$(completiondir)/tickctl
	$(foreach m,$(MAN),install -D -m 644 $(m) $(call man_path,$(m)) &&) true
	$(ldconfig)

uninstall: ## Remove what install put there
	rm -f $(ALL_INSTALLED)
	@for dir in $(sort $(patsubst %/,%,$(dir $(ALL_INSTALLED)))); do \
		while case $$dir in \
			$(subst $(space),|,$(strip $(KEPT)))) false ;; \
			$(or $(DESTDIR),$(prefix))*) rmdir "$$dir" 2>/dev/null ;; \
			*) false ;; \
		esac; do dir=$${dir%/*}; done; \
	done
	$(ldconfig)

# Housekeeping ----------------------------------------------------------------

clean: ## Remove build/; the data of `make run` stays
	rm -rf build

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

.PHONY: all deps run test bench fuzz fuzz-all lint lint-format lint-headers \
	lint-cppcheck lint-shell lint-man format install uninstall clean help
