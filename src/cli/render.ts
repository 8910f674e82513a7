#!/usr/bin/env node
import { renderCommand } from "./render-command.ts";
import { runProcess } from "./run.ts";

void runProcess(renderCommand);
