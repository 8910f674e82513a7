#!/usr/bin/env node
import { checkersCommand } from "./checkers-command.ts";
import { runProcess } from "./run.ts";

void runProcess(checkersCommand);
