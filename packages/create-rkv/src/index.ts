/**
 * `create-rkv`: what `npm create rkv my-app` runs.
 *
 * It writes files and nothing else: it needs no network, installs nothing unasked, and asks nothing where nobody sits.
 * `createProject` is the same for programs.
 */
export { createProject, type CreatedProject, type ProjectInit } from './project.ts';
export { nameProblem } from './project-name.ts';
export { Refusal, WrongUsage } from './refusal.ts';
export { templates, type TemplateName } from './templates.ts';
