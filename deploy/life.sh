#!/bin/sh
# Succeeds while a service does its work: it then writes POLYVIRT_LIFE_FILE every few seconds. By then it has missed several.
[ -n "$(find "$POLYVIRT_LIFE_FILE" -mmin -0.25 2>/dev/null)" ]
