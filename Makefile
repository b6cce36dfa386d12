# tickd: one non-recursive Makefile. `make help` lists the targets.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
BUILD ?= build

STD := -std=c11 -D_GNU_SOURCE
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef -Wvla -Werror
OPT ?= -O2 -g
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIC
CFLAGS_ALL = $(STD) $(WARN) $(OPT) $(HARDEN) $(CFLAGS)

PROTOCOL_SRC := $(wildcard protocol/*.c)
STORAGE_SRC := $(wildcard storage/*.c)
SERVER_SRC := $(wildcard server/*.c server/*/*.c)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

all: $(call obj,$(PROTOCOL_SRC) $(STORAGE_SRC) $(SERVER_SRC))

$(BUILD)/protocol/%.o: INC := -Iprotocol
$(BUILD)/storage/%.o: INC := -Istorage -Iprotocol
$(BUILD)/server/%.o: INC := -Iserver -Iserver/net -Iserver/commands -Iserver/sched -Iserver/exec -Iserver/monitor -Istorage -Iprotocol

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(INC) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all
